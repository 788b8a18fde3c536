"""A log line is one line of JSON, and holds no secret."""

import base64
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import quote, quote_plus

import pytest

from shared import logs
from shared.model.reasons import Reason


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


ODD = "p a/s\\s'w\"ord%+\n1"


@pytest.mark.parametrize(
    "spelling",
    [
        ODD,
        repr(ODD)[1:-1],
        repr(repr(ODD)),
        json.dumps(ODD)[1:-1],
        json.dumps(json.dumps(ODD)),
        quote(ODD, safe=""),
        quote(ODD).lower(),
        quote_plus(ODD),
        base64.b64encode(ODD.encode()).decode(),
        base64.urlsafe_b64encode(b"user:" + ODD.encode() + b":end").decode(),
        base64.b64encode(b"user1:" + ODD.encode()).decode(),
    ],
)
def test_a_secret_is_blotted_in_every_spelling(spelling: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As itself, escaped once or twice, quoted for an address, and inside base64 at any of its three offsets."""
    logs.configure([ODD])
    logs.internal_error(ValueError(spelling))
    logs.warning(logs.Event.CALLBACK_REFUSED, f"got {spelling}", reason=f"key {spelling}.")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    for shown in (second["message"], second["reason"], first["stack_trace"].splitlines()[-1]):
        assert "[secret]" in shown
        assert not any(part in shown for part in ('w"ord', "ord", "b3Jk", "9yZ", "vcm"))


def test_a_secret_that_is_a_word_of_ours_spoils_no_key_and_no_fixed_word(capsys: pytest.CaptureFixture[str]) -> None:
    """What alerts match on stays as it is, whatever a password says; free text is blotted all the same."""
    logs.configure(["check", "WARNING", "severity", "reason", str(Reason.POLICY_UNREADABLE)])
    logs.warning(
        logs.Event.CHECK_COMPLETED, "the check said", decision=Reason.POLICY_UNREADABLE, reason="no check", check=1
    )
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["severity"], line["decision"]) == (
        "check_completed",
        "WARNING",
        str(Reason.POLICY_UNREADABLE),
    )
    assert (line["message"], line["reason"], line["check"]) == ("the [secret] said", "no [secret]", 1)


@pytest.mark.parametrize(
    "character", ["\u2028", "\u2029", "\u202e", "\u200b", "\x7f", "\x85", "\x1b", "\ud800", "\U000e0001"]
)
def test_a_character_that_cannot_be_shown_is_escaped(character: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No separator, no turn of the writing's direction and no control character reaches a reader raw."""
    logs.configure()
    logs.warning(logs.Event.CALLBACK_REFUSED, f"caf\u00e9 {character}", reason=character)
    text = capsys.readouterr().out.removesuffix("\n")
    assert text.isprintable()
    assert "caf\u00e9" in text
    assert json.loads(text)["reason"] == character
