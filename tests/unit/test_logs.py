"""A log line is one line of JSON, and holds no secret."""

import json
import logging
from collections.abc import Iterator
from decimal import Decimal

import pytest

from shared import logs


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_has_what_cloud_logging_reads(capsys: pytest.CaptureFixture[str]) -> None:
    """Severity, message, time, event, trace and flat fields; amounts as plain text."""
    logs.configure()
    with logs.trace("telepay", {"X-Cloud-Trace-Context": "0123456789abcdef0123456789abcdef/7;o=1"}):
        logs.info(logs.Event.BATCH_CREATED, "Batch\nconversion created", total_usd=Decimal("1E-8"), payments=3)
    (text,) = capsys.readouterr().out.splitlines()
    line = json.loads(text)
    assert (line["severity"], line["message"]) == ("INFO", "Batch\nconversion created")
    assert (line["event"], line["total_usd"], line["payments"]) == ("batch_created", "0.00000001", 3)
    assert line["logging.googleapis.com/trace"] == "projects/telepay/traces/0123456789abcdef0123456789abcdef"


def test_a_w3c_trace_is_read_and_nonsense_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """traceparent serves as well; anything else means no trace."""
    logs.configure()
    for header in ("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", "nonsense"):
        with logs.trace("p", {"traceparent": header}):
            logs.info(logs.Event.BATCH_CREATED, "x")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["logging.googleapis.com/trace"].endswith("0123456789abcdef0123456789abcdef")
    assert "logging.googleapis.com/trace" not in second


def test_secrets_are_blotted_out_wherever_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    """In a message, in a field, in a stack trace, and in other libraries' lines; also one that JSON would escape."""
    secrets = ["api-key-1234", 'pass"word\\']
    logs.configure(secrets)
    try:
        int(f"not a number: {secrets[0]}")
    except ValueError as error:
        logs.internal_error(error)
    logs.warning(logs.Event.CALLBACK_REFUSED, f"got {secrets[1]}", reason=f"key {secrets[0]}")
    logging.getLogger("urllib3").warning("GET /?key=%s", secrets[0])
    out = capsys.readouterr().out
    assert not any(secret in out or json.dumps(secret)[1:-1] in out for secret in secrets)
    lines = [json.loads(text) for text in out.splitlines()]
    assert [line["severity"] for line in lines] == ["ERROR", "WARNING", "WARNING"]
    assert "Traceback" in lines[0]["stack_trace"]
