"""What waited, beside the threshold of the time, with the batches that came of it."""

from typing import Final

import altair

from ops.command_line.text import count, instant
from ops.pages.figures.drawing import base, layered, time_axis
from ops.pages.figures.figure import Figure
from ops.pages.figures.period import Period
from shared.model.money import dollars
from shared.outside.database import Row, Transaction

COLUMNS: Final = {
    "at": "from",
    "pending_usd": "pending $, at most",
    "threshold_usd": "threshold $, at last",
    "checks": "checks",
    "batches_opened": "batches opened",
}
WAITS, THRESHOLD, OPENED = "pending", "threshold", "batch opened"


def draw_pending(transaction: Transaction, period: Period) -> Figure:
    """The pending dollars against the threshold over time."""
    rows = transaction.rows("sum_checks_by_time", **period.binned)
    known = [row for row in rows if row["pending_usd"] is not None]
    return Figure(
        "pending", "Pending dollars against the threshold", _finding(rows, known), COLUMNS, rows, _chart(known)
    )


def _finding(rows: list[Row], known: list[Row]) -> str:
    opened = sum(row["batches_opened"] for row in rows)
    checks = sum(row["checks"] for row in rows)
    if not known:
        return f"{count(checks, 'check')} ran, and none of them could see what waited."
    highest = max(known, key=lambda row: row["pending_usd"])
    return (
        f"{count(checks, 'check')} opened {count(opened, 'batch')}; the most that ever waited was "
        f"{dollars(highest['pending_usd'])}, after {instant(highest['at'])}."
    )


def _chart(rows: list[Row]) -> altair.LayerChart | None:
    if not rows:
        return None
    chart = base([row | {"said": _said(row)} for row in rows], "pending_usd", "threshold_usd")
    money = altair.Y("pending_usd:Q", title="US dollars")
    waits = chart.mark_area(opacity=0.45, interpolate="step-after").encode(
        x=time_axis(), y=money, color=altair.ColorDatum(WAITS)
    )
    threshold = chart.mark_line(strokeWidth=2, strokeDash=[6, 3], interpolate="step-after").encode(
        x=time_axis(), y="threshold_usd:Q", color=altair.ColorDatum(THRESHOLD)
    )
    opened = (
        chart.mark_point(shape="triangle-up", filled=True, size=60, opacity=1)
        .encode(x=time_axis(), y=money, color=altair.ColorDatum(OPENED), description="said:N")
        .transform_filter("datum.batches_opened > 0")
    )
    return layered(waits, threshold, opened)


def _said(row: Row) -> str:
    return f"{instant(row['at'])}: {dollars(row['pending_usd'])} waited, {count(row['batches_opened'], 'batch')} opened"
