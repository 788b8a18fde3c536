"""What a day would cost over the threshold, as `threshold recommend` finds it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import altair

from ops.advice.costs import dearer_pct
from ops.advice.recommendation import Line, Recommendation
from ops.advice.telling import COLUMNS, row_of, rows_of
from ops.command_line.text import shown
from ops.pages.figures.drawing import base, layered
from ops.pages.figures.figure import Figure
from shared.model.money import dollars

TITLE: Final = "Cost over the threshold"
TRIED, EVEN, TODAY = "your payments", "if they came in evenly", "today"
CENT: Final = Decimal("0.01")
NUMBERS: Final = ("threshold_usd", "cost_usd")


def draw_cost_curve(advice: Recommendation) -> Figure:
    """The choices around the cheapest, judged on the half that they were not tuned on, beside the textbook's curve."""
    return Figure("recommendation", TITLE, _sentence(advice), COLUMNS, rows_of(advice), _chart(advice))


def no_cost_curve(reason: str) -> Figure:
    """The same where nothing can be told."""
    return Figure("recommendation", TITLE, f"{reason[:1].upper()}{reason[1:]}.", COLUMNS, [], None)


def _sentence(advice: Recommendation) -> str:
    """The verb's own finding; the rule beside the threshold in short, as its column has it."""
    row = row_of(advice.best)
    rules = [f"{COLUMNS[name]} {shown(row[name])}" for name in ("max_age_hours", "cost_ratio") if row[name]]
    choice = ", ".join([dollars(advice.best.levers.threshold_usd), *rules])
    return f"Cheapest: a threshold of {choice}; against today it {advice.saving.words()}."


def _chart(advice: Recommendation) -> altair.LayerChart:
    lines = [*advice.lines, advice.today]
    scale = altair.Scale(type="log", nice=False)
    axis = altair.Axis(labelOverlap=True, format="~s", tickCount=6)
    x = altair.X("threshold_usd:Q", scale=scale, axis=axis, title="threshold, US dollars")
    y = altair.Y("cost_usd:Q", title="US dollars a day: swaps and waiting")
    tried = base([_point(line) for line in advice.lines], *NUMBERS).encode(x=x, y=y, color=altair.ColorDatum(TRIED))
    today = base([_point(advice.today)], *NUMBERS).encode(x=x, y=y, color=altair.ColorDatum(TODAY))
    even = base(_even(advice, lines), *NUMBERS).encode(x=x, y=y, color=altair.ColorDatum(EVEN))
    return layered(
        even.mark_line(strokeDash=[6, 3]),
        tried.mark_line(strokeWidth=2),
        tried.mark_point(filled=True, size=60, opacity=1).encode(description="said:N"),
        today.mark_point(shape="triangle-up", filled=True, size=90, opacity=1).encode(description="said:N"),
    )


def _point(line: Line) -> dict[str, Any]:
    cost_usd = line.cost_usd_a_day.quantize(CENT)
    said = f"{dollars(line.levers.threshold_usd)}: {dollars(cost_usd)} a day"
    return {"threshold_usd": line.levers.threshold_usd, "cost_usd": cost_usd, "said": said}


def _even(advice: Recommendation, lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The textbook's cost at the same thresholds, where it is no higher than what the plot shows anyhow."""
    lowest = 2 * advice.prices.swap_usd * advice.usd_an_hour / advice.economic_usd * 24
    highest = max(line.cost_usd_a_day for line in lines)
    thresholds = sorted({line.levers.threshold_usd for line in lines})
    costs = [lowest * (1 + dearer_pct(each, advice.economic_usd) / 100) for each in thresholds]
    return [
        {"threshold_usd": threshold_usd, "cost_usd": cost_usd.quantize(CENT)}
        for threshold_usd, cost_usd in zip(thresholds, costs, strict=True)
        if cost_usd <= highest
    ]
