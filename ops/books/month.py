"""A month's books: what waited, came in, was completed and waits, and what the batches did, to the last digit."""

from collections.abc import Mapping
from typing import Any, Final

from ops.command_line.moments import Month
from ops.command_line.text import count
from shared.model.money import dollars, plain
from shared.outside.database import Transaction

MOVED: Final = {
    "opening": "waited before",
    "came_in": "came in",
    "completed": "completed",
    "closing": "wait at the end",
}


def read_month(transaction: Transaction, month: Month, client_id: str | None = None) -> dict[str, Any]:
    """The sums over the payments of a month, of one client or of all."""
    sums = transaction.row("sum_month", since=month.since, until=month.until, client_id=client_id)
    assert sums is not None
    assert sums["opening_usd"] + sums["came_in_usd"] == sums["completed_usd"] + sums["closing_usd"]
    return sums


def month_lines(sums: Mapping[str, Any]) -> list[str]:
    """The sums for a reader: the movement of what waits, and what was paid out of what was completed."""
    lines = [
        f"{said:<16} {count(sums[f'{name}_payments'], 'payment'):>18}  {dollars(sums[f'{name}_usd'])}"
        + (f"  {plain(sums['completed_usdt'])} USDT" if name == "completed" else "")
        for name, said in MOVED.items()
    ]
    if sums["closing_paid_out_payments"]:
        early = f"{count(sums['closing_paid_out_payments'], 'payment'):>18}  {dollars(sums['closing_paid_out_usd'])}"
        lines.append(f"{'of them paid out':<16} {early}")
    for name, said in (("paid_out", "paid out"), ("owed", "not yet paid out")):
        lines.append(f"{said:<16} {count(sums[f'{name}_payments'], 'payment'):>18}  {plain(sums[f'{name}_usdt'])} USDT")
    if unaccounted := sums["unaccounted_payments"]:
        lines.append(f"{count(unaccounted, 'payment')} beside them, without dollars or a time that a month could hold")
    return lines
