"""The evaluator that the next tests rely on tells a match from a miss."""

import pytest

from tests.terraform.watching.logging_filter import matches

ENTRY = {
    "severity": "WARNING",
    "resource": {"type": "cloud_run_revision", "labels": {"service_name": "a"}},
    "jsonPayload": {"event": "batch_stuck", "age_s": 4000, "total_usd": "25.00"},
}


@pytest.mark.parametrize(
    "text",
    [
        'jsonPayload.event="batch_stuck"',
        'jsonPayload.event = "BATCH_STUCK"',
        'resource.type="cloud_run_revision" AND resource.labels.service_name=("b" OR "a")',
        "jsonPayload.age_s>3600 AND severity>=WARNING",
        "jsonPayload.age_s>=4000",
        "jsonPayload.age_s=(403 OR 4000)",
    ],
)
def test_a_match(text: str) -> None:
    """Every comparison holds."""
    assert matches(text, ENTRY)


@pytest.mark.parametrize(
    "text",
    [
        'jsonPayload.event="batch_failed"',
        'jsonPayload.event=("batch_failed" OR "batch_created")',
        "jsonPayload.age_s=(400 OR 403)",
        'resource.labels.service_name="a" AND jsonPayload.event="batch_failed"',
        "jsonPayload.age_s>4000",
        "jsonPayload.missing>0",
        'jsonPayload.missing="x"',
        "jsonPayload.total_usd>1",
        "severity>=ERROR",
    ],
)
def test_a_miss(text: str) -> None:
    """One comparison does not hold: another value, no such field, a number that is a text."""
    assert not matches(text, ENTRY)


@pytest.mark.parametrize(
    "text", ["", "free text", 'a="b" OR c="d"', 'NOT a="b"', 'jsonPayload.event=~"batch"', 'severity>="ERROR"']
)
def test_other_syntax_is_refused(text: str) -> None:
    """What the evaluator does not understand it does not guess at."""
    with pytest.raises(ValueError, match=r"not understood|not joined|only"):
        matches(text, ENTRY)
