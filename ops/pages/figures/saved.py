"""What batching saved, as `savings` counts it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import altair

from ops.advice.savings import BatchSaving, sum_up
from ops.command_line.text import count, instant
from ops.pages.figures.drawing import GREEN, base, layered, time_axis
from ops.pages.figures.figure import Figure
from ops.pages.figures.period import Period
from shared.outside.database import Transaction

COLUMNS: Final = {
    "at": "from",
    "batches": "batches",
    "payments": "payments",
    "fixed_cost_usd": "fixed costs $",
    "deposit_gas_usd": "of it gas $",
    "saved_usd": "saved $",
}
AMOUNTS: Final = ("fixed_cost_usd", "deposit_gas_usd", "saved_usd")
CENT: Final = Decimal("0.01")
ORIGIN: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""From where PostgreSQL counts the spans of the other figures."""


def draw_saved(transaction: Transaction, period: Period) -> Figure:
    """The fixed costs that were paid, and those of the swaps that were not made, by when a batch was opened."""
    rows = transaction.rows("list_batch_savings", since=period.since, until=None, client_id=None)
    sums = sum_up(BatchSaving(**row) for row in rows)
    binned = _by_time(sums.measured, period)
    return Figure("saved", "What batching saved", _finding(sums.document), COLUMNS, binned, _chart(binned))


def _by_time(batches: list[BatchSaving], period: Period) -> list[dict[str, Any]]:
    bins: dict[datetime, dict[str, Any]] = {}
    width = timedelta(seconds=period.width_s)
    for batch in batches:
        at = ORIGIN + (batch.created_at - ORIGIN) // width * width
        known = bins.setdefault(at, {"at": at, "batches": 0, "payments": 0} | dict.fromkeys(AMOUNTS, Decimal(0)))
        known["batches"] += 1
        known["payments"] += batch.payments
        for name in AMOUNTS:
            known[name] += getattr(batch, name) or Decimal(0)
    return [row | {"saved_usd": row["saved_usd"].quantize(CENT)} for _, row in sorted(bins.items())]


def _finding(sums: dict[str, Any]) -> str:
    if not sums["batches_measured"]:
        return "No batch is on record whose costs its quote told."
    return (
        f"{count(sums['batches_measured'], 'batch')} saved ${sums['saved_usd']:,.2f} in fixed costs: "
        f"{count(sums['swaps_saved'], 'swap')} not made; ${sums['fixed_cost_usd']:,.2f} were paid, the gas of "
        f"{count(sums['batches_with_gas'], 'deposit')} in it."
    )


def _chart(rows: list[dict[str, Any]]) -> altair.LayerChart | None:
    if not rows:
        return None
    bars = base([row | {"said": _said(row)} for row in rows], "saved_usd").mark_bar(color=GREEN, size=5)
    return layered(bars.encode(x=time_axis(), y=altair.Y("saved_usd:Q", title="US dollars"), description="said:N"))


def _said(row: dict[str, Any]) -> str:
    return f"{instant(row['at'])}: ${row['saved_usd']} saved by {count(row['batches'], 'batch')}"
