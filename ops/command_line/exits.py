"""How a verb can end: the exit codes, the same with --json."""

from enum import IntEnum


class Exit(IntEnum):
    """What the shell is told."""

    DONE = 0
    REFUSED = 1
    """It cannot be done as asked, or a difference has no explanation: a person must look."""
    USAGE = 2
    """Typed wrongly; click says so by itself."""
    TRY_AGAIN = 3
    """Something did not answer; asking again is right."""
    PENDING = 8
    """What was waited for has not come to its end yet."""
