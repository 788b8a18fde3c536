"""Drawn by Vega without a browser: SVG that takes its colours from the page, with a label for each mark.

Altair checks colours against its schema, which knows no CSS variables: a plot is drawn in stand-ins for them.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import altair
import vl_convert
from markupsafe import Markup

from ops.command_line.answers import rfc3339
from ops.pages.figures.figure import Figure
from shared.model.money import plain

WIDE, NARROW = 720, 340
"""Widths in CSS pixels: a plot shrunk to a telephone's width could not be read, so that it is drawn for it."""
HEIGHT: Final = 240
INK, LINE = "#101010", "#202020"
BLUE, RED, GREEN = "#301010", "#302010", "#303010"
_VARIABLES: Final = {
    INK: "var(--ink)",
    LINE: "var(--line)",
    BLUE: "var(--blue)",
    RED: "var(--red)",
    GREEN: "var(--green)",
}
_FONT: Final = "sans-serif"
_ONE_AT_A_TIME: Final = threading.Lock()


def base(rows: Sequence[Mapping[str, Any]], *numbers: str) -> altair.Chart:
    """A chart of rows; the columns that are *numbers* travel as text and never become floats of ours."""
    values = [{name: _written(value) for name, value in row.items()} for row in rows]
    parse = dict.fromkeys(numbers, "number")
    return altair.Chart(altair.InlineData(values=values, format=altair.JsonDataFormat(parse=parse)))


def layered(*charts: altair.Chart) -> altair.LayerChart:
    """Charts over one another, the first at the bottom."""
    return altair.LayerChart(layer=list(charts))


def time_axis() -> altair.X:
    """The instants of the rows' ``at``, in UTC."""
    axis = altair.Axis(title=None, labelOverlap=True, labelFlush=True, tickCount=6)
    return altair.X("at:T", scale=altair.Scale(type="utc"), axis=axis)


def draw(figure: Figure) -> Markup:
    """A figure's plot in both widths, of which the page shows one; empty where there is none."""
    if figure.chart is None:
        return Markup("")
    return Markup("").join(_drawn(figure, width) for width in (WIDE, NARROW))


def warm_up() -> None:
    """Draw something, so that the first page need not wait a second for the drawing engine."""
    _svg(_dressed(layered(base([{"n": 1}]).mark_point()), WIDE).to_json())


def _drawn(figure: Figure, width: int) -> Markup:
    assert figure.chart is not None
    svg = _svg(_dressed(figure.chart, width).to_json())
    size = re.match(r'<svg [^>]*viewBox="([0-9. -]+)"[^>]*>', svg)
    assert size
    opening = Markup(
        '<svg class="plot {kind}" viewBox="{size}" role="graphics-document" aria-roledescription="plot"'
        ' aria-label="{label}">'
    ).format(kind="wide" if width == WIDE else "narrow", size=size[1], label=f"{figure.title}. {figure.finding}")
    body = svg[size.end() :]
    for stand_in, variable in _VARIABLES.items():
        body = body.replace(f'"{stand_in}"', f'"{variable}"')
    return opening + Markup(body)  # noqa: S704 - Vega's own output, which escapes every text of ours in it


@lru_cache(maxsize=64)
def _svg(specification: str) -> str:
    """Draw; a page that is loaded again within a quarter of an hour mostly shows the same numbers."""
    with _ONE_AT_A_TIME:
        return vl_convert.vegalite_to_svg(specification, vl_version=_VERSION)


def _dressed(chart: altair.LayerChart, width: int) -> altair.LayerChart:
    axis = altair.AxisConfig(
        labelColor=INK,
        titleColor=INK,
        gridColor=LINE,
        domainColor=LINE,
        tickColor=LINE,
        labelFontSize=12,
        titleFontSize=12,
        titleFontWeight="normal",
    )
    legend = altair.LegendConfig(
        orient="top", title=None, labelColor=INK, labelFontSize=12, columns=3 if width == WIDE else 1
    )
    dressed: altair.LayerChart = chart.properties(width=width, height=HEIGHT, autosize=_FIT).configure(
        background="transparent",
        font=_FONT,
        axis=axis,
        legend=legend,
        range=altair.RangeConfig(category=[BLUE, RED, GREEN]),
        view=altair.ViewConfig(stroke=None),
    )
    return dressed


def _written(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    return rfc3339(value) if isinstance(value, datetime) else value


_VERSION: Final = ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
_FIT: Final = altair.AutoSizeParams(type="fit", contains="padding")
