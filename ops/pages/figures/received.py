"""What arrived, beside what ChangeNow had quoted."""

from typing import Final

import altair

from ops.command_line.text import count, instant, shown
from ops.pages.figures.drawing import BLUE, INK, base, layered, time_axis
from ops.pages.figures.figure import Figure
from ops.pages.figures.period import Period
from shared.outside.database import Row, Transaction

COLUMNS: Final = {
    "at": "from",
    "batches": "batches",
    "quoted_usdt": "quoted USDT",
    "received_usdt": "received USDT",
    "lowest_pct": "lowest %",
    "median_pct": "median %",
    "highest_pct": "highest %",
}


def draw_received(transaction: Transaction, period: Period) -> Figure:
    """The deviation of what arrived from its quote, in per cent, over time."""
    rows = transaction.rows("compare_received_by_time", **period.binned)
    return Figure("received", "Received against quoted", _finding(rows), COLUMNS, rows, _chart(rows))


def _finding(rows: list[Row]) -> str:
    if not rows:
        return "No batch with a quote was completed."
    batches = sum(row["batches"] for row in rows)
    quoted, received = (sum(row[name] for row in rows) for name in ("quoted_usdt", "received_usdt"))
    worst = min(rows, key=lambda row: row["lowest_pct"])
    together = (received / quoted - 1) * 100
    return (
        f"{count(batches, 'batch')} received {shown(received)} USDT, {together:+.2f} % of what was quoted; furthest "
        f"below was batch #{worst['lowest_number']} with {worst['lowest_pct']:+.2f} %."
    )


def _chart(rows: list[Row]) -> altair.LayerChart | None:
    if not rows:
        return None
    percents = ("lowest_pct", "median_pct", "highest_pct")
    chart = base([row | {"said": _said(row)} for row in rows], *percents)
    zero = base([{"quoted": 0}]).mark_rule(color=INK, strokeDash=[4, 4])
    spread = chart.mark_rule(color=BLUE, strokeWidth=2).encode(
        x=time_axis(), y=altair.Y("lowest_pct:Q", title="% of the quote"), y2="highest_pct:Q"
    )
    median = chart.mark_point(color=BLUE, filled=True, size=40, opacity=1).encode(
        x=time_axis(), y="median_pct:Q", description="said:N"
    )
    return layered(zero.encode(y="quoted:Q"), spread, median)


def _said(row: Row) -> str:
    spread = f"median {row['median_pct']} %, from {row['lowest_pct']} to {row['highest_pct']} %"
    return f"{instant(row['at'])}: {count(row['batches'], 'batch')}, {spread}"
