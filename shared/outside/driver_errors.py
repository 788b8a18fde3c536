"""What the driver raises, translated once: what a rule of the database refused, and all that may heal."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pg8000.exceptions import DatabaseError, InterfaceError

from shared.errors import DatabaseBusy, DatabaseUnavailable, LockUnavailable, RuleViolated

CONNECTION_LOST: Final = (
    InterfaceError,
    OSError,
    struct.error,
    AttributeError,
    IndexError,
)  # all seen from a cut stream
_KINDS: Final = {  # of the errors that end one statement and leave the session as it was
    "55P03": LockUnavailable,  # the lock time-out
    "40P01": DatabaseBusy,  # a deadlock
    "40001": DatabaseBusy,  # a serialization failure
    "57014": DatabaseBusy,  # the statement time-out
}
_CHECK_VIOLATIONS: Final = ("23", "22")  # integrity and data exceptions: the database's rules


@contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Turn the driver's errors into ours: what a rule of the database refused, and all that may heal."""
    try:
        yield
    except DatabaseError as error:
        facts = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        if str(facts.get("C", ""))[:2] in _CHECK_VIOLATIONS:
            raise RuleViolated(str(facts.get("n", "")), str(facts.get("M", ""))) from error
        kind = _KINDS.get(str(facts.get("C")), DatabaseUnavailable)
        raise kind(f"PostgreSQL did not run {what}: {get_reason(error)}") from error
    except CONNECTION_LOST as error:
        raise DatabaseUnavailable(f"the connection was lost in {what}: {get_reason(error)}") from error


def get_reason(error: BaseException) -> str:
    """Say in a few words what an error of the driver or of the network was."""
    if error.args and isinstance(error.args[0], dict):  # a server error, as pg8000 gives it
        return f"{error.args[0].get('C', '')} {error.args[0].get('M', '')}"
    return f"{type(error).__name__}: {error}"[:300]
