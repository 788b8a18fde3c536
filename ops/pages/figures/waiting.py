"""How long payments waited for their USDT."""

from datetime import timedelta
from typing import Final

from ops.command_line.text import age, count
from ops.pages.figures.bins import array, bars, filled
from ops.pages.figures.figure import Figure
from ops.pages.figures.period import Period
from shared.outside.database import Row, Transaction

COLUMNS: Final = {"between": "waited", "payments": "payments"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
EDGES_S: Final = (
    *(5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, 12 * _HOUR),
    *(_DAY, 2 * _DAY, 4 * _DAY, 7 * _DAY),
)


def draw_waiting(transaction: Transaction, period: Period) -> Figure:
    """How many payments waited how long, from their coming in to the completion of their batch."""
    rows = transaction.rows("count_payments_by_wait", since=period.since, edges=array(EDGES_S))
    bins = filled(rows, EDGES_S, _age, *COLUMNS)
    return Figure("waiting", "Waiting times", _finding(rows), COLUMNS, bins, bars(bins, "payments", "payments"))


def _finding(rows: list[Row]) -> str:
    if not rows:
        return "No payment was completed."
    payments = sum(row["payments"] for row in rows)
    return (
        f"Half of {count(payments, 'payment')} had their USDT within {_age(rows[0]['half_s'])}, nine in ten within "
        f"{_age(rows[0]['nine_in_ten_s'])}; the longest wait was {_age(rows[-1]['longest_s'])}."
    )


def _age(seconds: int) -> str:
    return age(timedelta(seconds=int(seconds)))
