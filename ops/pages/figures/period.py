"""The period that figures are about, and the spans of time into which it is divided."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from shared.outside.database import Transaction

SPANS_MAX: Final = 120
"""More would neither be seen in a plot nor read in a table."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_WIDTHS_S: Final = (
    *(1, 5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE),
    *(_HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 30 * _DAY, 365 * _DAY),
)


@dataclass(frozen=True)
class Period:
    """From an aware instant to another, in spans of so many seconds each."""

    since: datetime
    until: datetime
    width_s: int

    @property
    def binned(self) -> dict[str, Any]:
        """The parameters of a statement that sums by spans."""
        return {"since": self.since, "width_s": self.width_s}


def read_period(transaction: Transaction, now: datetime, span: timedelta) -> Period | None:
    """The last *span* of the record of checks, or all of it where it is shorter; None where no check ever ran."""
    first = transaction.row("get_first_check_time")
    if first is None or first["first_at"] is None:
        return None
    since = max(now - span, first["first_at"])
    return Period(since, now, _width_s(now - since))


def _width_s(span: timedelta) -> int:
    """The smallest width that gives no more spans than can be read."""
    return next((width for width in _WIDTHS_S if span.total_seconds() <= width * SPANS_MAX), _WIDTHS_S[-1])
