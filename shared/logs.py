"""Structured logs: one JSON object a line on standard output, as Cloud Logging reads it; no secret ever in one.

What alerts and dashboards count is the ``event`` field, one of the words in Event.
"""

import base64
import contextvars
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cached_property
from typing import Any, Final, Protocol

from shared.model.money import plain

logger: Final = logging.getLogger("micro_batch")


class Event(StrEnum):
    """What a log line tells of; metrics, alerts and the runbook use these words."""

    CHECK_COMPLETED = "check_completed"
    BATCH_OPENING = "batch_opening"
    BATCH_CREATED = "batch_created"
    BATCH_COMPLETED = "batch_completed"
    BATCH_FAILED = "batch_failed"
    BATCH_REFUNDED = "batch_refunded"
    BATCH_STUCK = "batch_stuck"
    BATCH_SET_ASIDE = "batch_set_aside"
    DEPOSIT_LOST = "deposit_lost"
    DEPOSITS_LOST = "deposits_lost"
    FORCE_EXPIRED = "force_expired"
    QUOTE_REFUSED = "quote_refused"
    AMOUNT_REFUSED = "amount_refused"
    PAID_AFTER_FAILURE = "paid_after_failure"
    EXCHANGE_UNAVAILABLE = "exchange_unavailable"
    TASKS_UNAVAILABLE = "tasks_unavailable"
    DATABASE_UNAVAILABLE = "database_unavailable"
    DATABASE_BEHIND = "database_behind"
    FENCE_UNAVAILABLE = "fence_unavailable"
    THRESHOLD_FALLBACK = "threshold_fallback"
    POLICY_FALLBACK = "policy_fallback"
    PAYMENTS_UNCLAIMABLE = "payments_unclaimable"
    REQUEST_UNREADABLE = "request_unreadable"
    CALLBACK_REFUSED = "callback_refused"
    CALLBACK_DEFERRED = "callback_deferred"
    DISTRIBUTION_MISMATCH = "distribution_mismatch"
    EVENTS_UNPUBLISHED = "events_unpublished"
    SETTINGS_INVALID = "settings_invalid"
    INTERNAL_ERROR = "internal_error"


class Headers(Protocol):
    """A request's headers, by case-insensitive name."""

    def get(self, name: str, default: str, /) -> str:
        """Return a header's value, or the default."""


_BASE64_CHARACTERS_MIN: Final = 6  # a shorter run of letters stands in ordinary words
_SIGNS_OF_ESCAPES: Final = ("\\", "%", "+")  # without any of them a text holds no escaped character
_NOTHING: Final = "(?!)"
_trace: contextvars.ContextVar[str | None] = contextvars.ContextVar("trace", default=None)


def info(event: Event, message: str, **fields: Any) -> None:
    """Write what happened as it should."""
    logger.info(message, extra={"event": event, "fields": fields})


def warning(event: Event, message: str, **fields: Any) -> None:
    """Write what a person may want to look at."""
    logger.warning(message, extra={"event": event, "fields": fields})


def error(event: Event, message: str, **fields: Any) -> None:
    """Write what a person must look at."""
    logger.error(message, extra={"event": event, "fields": fields})


def critical(event: Event, message: str, **fields: Any) -> None:
    """Write what stops the service or breaks a rule of money."""
    logger.critical(message, extra={"event": event, "fields": fields})


def internal_error(caught: BaseException) -> None:
    """Write an error of our own with its stack trace, which Error Reporting picks up."""
    fields = {"error_type": type(caught).__name__}
    logger.error("Internal error", exc_info=caught, extra={"event": Event.INTERNAL_ERROR, "fields": fields})


@contextmanager
def trace(project: str, headers: Headers) -> Iterator[None]:
    """Put the caller's trace id on every line written inside."""
    token = _trace.set(_trace_name(project, headers))
    try:
        yield
    finally:
        _trace.reset(token)


def configure(secrets: Sequence[str] = ()) -> None:
    """Send every logger's lines through JsonLines to standard output; *secrets* are blotted out of all of them."""
    handler = _StandardOutput()
    handler.setFormatter(JsonLines(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


class _StandardOutput(logging.Handler):
    """Writes a whole line in one call to the standard output of the moment (the framework replaces it per request)."""

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record).encode("utf-8", "backslashreplace").decode()  # half a pair cannot be written
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON with Cloud Logging's special keys."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__()
        self._longest_first = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._as_it_is = self._compile(re.escape)

    def _compile(self, spell: Callable[[str], str]) -> re.Pattern[str]:
        """Compile what matches any of the secrets; where there are none it matches nothing."""
        spellings = [way for secret in self._longest_first for way in (spell(secret), *_in_base64(secret))]
        return re.compile("|".join(spellings) or _NOTHING)

    @cached_property
    def _any_spelling(self) -> re.Pattern[str]:
        return self._compile(_escaped)  # milliseconds of a cold start, and seldom needed

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, without its newline."""
        line: dict[str, Any] = {
            "severity": record.levelname,
            "message": self._blot(record.getMessage()),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        if event := getattr(record, "event", None):
            line["event"] = str(event)
        if trace_name := _trace.get():
            line["logging.googleapis.com/trace"] = trace_name
        line |= {key: self._value(value) for key, value in getattr(record, "fields", {}).items()}
        if record.exc_info:
            line["stack_trace"] = self._blot(self.formatException(record.exc_info))
        return _shown(json.dumps(line, ensure_ascii=False))

    def _blot(self, text: str) -> str:
        """Blot secrets out before the JSON is made, so that its escapes cannot hide one."""
        is_perhaps_escaped = any(sign in text for sign in _SIGNS_OF_ESCAPES)
        return (self._any_spelling if is_perhaps_escaped else self._as_it_is).sub("[secret]", text)

    def _value(self, value: Any) -> Any:
        """Return a field as JSON has it; a word of a fixed list stays whole, since alerts match on it."""
        if isinstance(value, Enum):
            return str(value)
        if isinstance(value, Decimal):
            return plain(value)
        return value if value is None or isinstance(value, bool | int) else self._blot(str(value))


def _escaped(secret: str) -> str:
    """Match a secret as it is, or with any of its characters escaped (repr, JSON, also twice) or percent-quoted."""
    return "".join(map(_escaped_character, secret))


def _escaped_character(character: str) -> str:
    named = {"\n": "n", "\r": "r", "\t": "t"}.get(character)
    quoted = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    ways = [
        r"\\+" if character == "\\" else r"\\*" + re.escape(character),
        rf"(?i:{quoted})",
        rf"\\+(?i:x{ord(character):02x}|u{ord(character):04x})",
    ]
    if character == " ":
        ways.append(r"\+")
    if named:
        ways.append(rf"\\+{named}")
    return f"(?:{'|'.join(ways)})"


def _in_base64(secret: str) -> Iterator[str]:
    """Match the whole characters that a secret gives in base64 at each of the three offsets it can stand at."""
    raw = secret.encode("utf-8", "surrogatepass")
    for offset, first in ((0, 0), (1, 2), (2, 3)):
        last = (offset + len(raw)) * 8 // 6  # what follows shares its bits with whatever comes after the secret
        text = base64.b64encode(bytes(offset) + raw).decode()[first:last]
        if len(text) >= _BASE64_CHARACTERS_MIN:
            yield re.escape(text).replace(r"\+", "[+-]").replace("/", "[/_]")


def _shown(line: str) -> str:
    """Escape what a reader's screen would obey instead of showing: separators, controls, directions."""
    return line if line.isprintable() else "".join(map(_shown_character, line))


def _shown_character(character: str) -> str:
    if character.isprintable():
        return character
    halves = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{halves[start : start + 4]}" for start in range(0, len(halves), 4))


def _trace_name(project: str, headers: Headers) -> str | None:
    """Read the trace id from X-Cloud-Trace-Context (TRACE/SPAN;o=1) or W3C traceparent (00-TRACE-SPAN-FLAGS)."""
    google = re.match(r"([0-9a-f]{32})(?:/|$)", headers.get("X-Cloud-Trace-Context", ""))
    w3c = re.match(r"[0-9a-f]{2}-([0-9a-f]{32})-", headers.get("traceparent", ""))
    found = google or w3c
    return f"projects/{project}/traces/{found.group(1)}" if found else None
