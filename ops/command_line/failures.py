"""Errors in one line each, with the exit code that fits: what lasts is refused, what may heal is worth another try."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ops.command_line.exits import Exit
from shared.errors import MicroBatchError, Refused, Unavailable

_LINE_MAX: Final = 600
_NO_SUCH_OBJECT: Final = ("42P01", "42703", "42883")
_LASTING_SQLSTATES: Final = ("28", "3D", "42", "0A")  # who one is, what one may, what there is
_LASTING_STATUSES: Final = (400, 401, 403, 404)


@dataclass(frozen=True)
class Failure:
    """One line for the operator, and the exit code."""

    message: str
    exit: Exit


class NotDone(Refused):
    """A verb refuses what was asked of it; the message says why and what to type."""


class Away(Unavailable):
    """Something that a verb needs did not answer."""


def explain(error: Exception) -> Failure:
    """Say what an error means to the one who typed."""
    lasting = isinstance(error, Refused) or any(map(_lasts, _causes(error)))
    if isinstance(error, MicroBatchError):
        return Failure(_line(str(error)) + _hint(error), Exit.REFUSED if lasting else Exit.TRY_AGAIN)
    if _is_of(error, "google.auth.exceptions", "GoogleAuthError"):
        return Failure(_line(f"no Google credentials: {error}"), Exit.REFUSED)
    if _is_of(error, "google.api_core.exceptions", "GoogleAPIError"):
        return Failure(_line(f"Google answered: {error}"), Exit.REFUSED if lasting else Exit.TRY_AGAIN)
    if isinstance(error, TimeoutError | ConnectionError):
        return Failure(_line(f"no answer: {error}"), Exit.TRY_AGAIN)
    if isinstance(error, OSError | ValueError):
        return Failure(_line(str(error)), Exit.REFUSED)
    return Failure(_line(f"an error of our own, please report it: {type(error).__name__}: {error}"), Exit.REFUSED)


def sqlstate(error: BaseException) -> str:
    """The server's code in an error of the driver, or nothing."""
    facts: Any = error.args[0] if error.args else None
    return str(facts.get("C", "")) if isinstance(facts, dict) else ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _lasts(cause: BaseException) -> bool:
    """Tell whether asking again changes nothing: no right, no such thing."""
    if _is_of(cause, "google.auth.exceptions", "DefaultCredentialsError"):
        return True
    status = getattr(cause, "code", None) or getattr(cause, "status", None)
    return sqlstate(cause).startswith(_LASTING_SQLSTATES) or status in _LASTING_STATUSES


def _hint(error: BaseException) -> str:
    if any(sqlstate(cause) in _NO_SUCH_OBJECT for cause in _causes(error)):
        return " - the database is not of this version; see: ./microbatch migrate --status"
    return ""


def _is_of(error: BaseException, module: str, name: str) -> bool:
    """Tell whether an error is of a library that only some verbs load: one that is not loaded raised nothing."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(error, kind)


def _line(text: str) -> str:
    """Put a message into one line of bounded length."""
    return " ".join(text.split())[:_LINE_MAX]
