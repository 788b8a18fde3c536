"""Batches that failed, and checks that could not do their work."""

from collections import Counter
from typing import Any, Final

import altair

from ops.command_line.text import count, instant
from ops.pages.figures.drawing import base, layered, time_axis
from ops.pages.figures.figure import Figure
from ops.pages.figures.period import Period
from ops.situation.needs import NEEDS_A_PERSON
from shared.outside.database import Row, Transaction

COLUMNS: Final = {"at": "from", "what": "what failed", "reason": "reason", "failures": "times"}
TROUBLES: Final = (
    *NEEDS_A_PERSON,
    "exchange_unavailable",
    "resume_failed",
    "claim_contended",
    "fence_unavailable",
    "force_expired",
)
"""The reasons of checks that would have gone on if all had been well; to wait for more payments is no failure."""


def draw_failures(transaction: Transaction, period: Period) -> Figure:
    """What failed over time."""
    rows = transaction.rows("count_failures_by_time", **period.binned, troubles=list(TROUBLES))
    tried = transaction.row("count_tried", since=period.since)
    assert tried is not None
    return Figure("failures", "Failures", _finding(rows, tried), COLUMNS, rows, _chart(rows))


def _finding(rows: list[Row], tried: Row) -> str:
    said = [_share(rows, "batch", tried["batches"], "failed"), _share(rows, "check", tried["checks"], "could not work")]
    return "; ".join(said) + "."


def _share(rows: list[Row], what: str, tried: int, verb: str) -> str:
    reasons = Counter[str]()
    for row in rows:
        if row["what"] == what:
            reasons[row["reason"]] += row["failures"]
    failed = reasons.total()
    if not failed:
        return f"none of {count(tried, what)} {verb}"
    (most, _), *_ = reasons.most_common(1)
    return f"{failed:,} of {count(tried, what)} {verb} ({failed / tried:.1%}), most often: {most}"


def _chart(rows: list[Row]) -> altair.LayerChart | None:
    if not rows:
        return None
    sums = Counter[tuple[Any, str]]()
    for row in rows:
        sums[row["at"], row["what"]] += row["failures"]
    data = [
        {"at": at, "what": what, "failures": failures, "said": f"{instant(at)}: {count(failures, what)}"}
        for (at, what), failures in sums.items()
    ]
    bars = (
        base(data)
        .mark_bar(size=5)
        .encode(
            x=time_axis(),
            y=altair.Y("failures:Q", title="failures", axis=altair.Axis(format="d", tickMinStep=1)),
            color=altair.Color("what:N"),
            description="said:N",
        )
    )
    return layered(bars)
