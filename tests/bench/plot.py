"""The figures that grow with the batch, as an SVG drawn by hand: seconds over payments, both axes logarithmic."""

import math
from typing import Final
from xml.sax.saxutils import escape

from tests.bench.figures import Figure, Report

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 80, 270, 40, 60

# What is drawn: group, figure, whether its limit, label, colour, dashes.
_CURVES: Final = (
    ("one by one", "one UPDATE and commit a payment", False, "one UPDATE and commit a payment", "#b3261e", ""),
    ("distribution", "distribution of a batch, whole request", False, "distribution (callback)", "#1a5fb4", ""),
    ("distribution", "distribution of a batch, whole request", True, "bare UPDATE of its rows", "#1a5fb4", "5 4"),
    ("opening", "opening of a batch, whole request", False, "opening (check)", "#26762b", ""),
    ("opening", "opening of a batch, whole request", True, "bare UPDATE of its rows", "#26762b", "5 4"),
    ("check", "check below the threshold, whole request", False, "check that waits", "#9a5b00", ""),
    ("check", "check below the threshold, the server's work", False, "its work in the database", "#9a5b00", "1 4"),
    ("check", "check below the threshold, the server's work", True, "bare index-only SUM", "#9a5b00", "5 4"),
)


def plot(report: Report) -> str:
    """Draw the curves for which there are figures."""
    curves = [
        (label, colour, dashes, _points(report.of(group, name), of_limit=of_limit))
        for group, name, of_limit, label, colour, dashes in _CURVES
    ]
    curves = [curve for curve in curves if curve[3]]
    everything = [point for *_, points in curves for point in points] or [(1.0, 1.0)]
    axes = _Axes([size for size, _ in everything], [value for _, value in everything])
    parts = [*axes.drawn(), *(_curve(axes, points, colour, dashes) for _, colour, dashes, points in curves)]
    parts += [_legend(index, *curve[:3]) for index, curve in enumerate(curves)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        f' font-size="13"><title>Seconds over payments</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{"".join(parts)}</svg>\n'
    )


class _Axes:
    """Powers of ten around all points."""

    def __init__(self, sizes: list[float], values: list[float]) -> None:
        self._left, self._right = _decades(sizes)
        self._low, self._high = _decades(values)

    def x(self, size: float) -> float:
        share = (math.log10(size) - self._left) / (self._right - self._left)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def drawn(self) -> list[str]:
        lines = []
        for decade in range(self._left, self._right + 1):
            x = self.x(10.0**decade)
            lines.append(_line(x, TOP, x, HEIGHT - BOTTOM))
            lines.append(_text(x, HEIGHT - BOTTOM + 20, f"{10**decade:,}", "middle"))
        for decade in range(self._low, self._high + 1):
            y = self.y(10.0**decade)
            lines.append(_line(LEFT, y, WIDTH - RIGHT, y))
            lines.append(
                _text(LEFT - 8, y + 4, f"{10**decade:,} s" if decade >= 0 else f"{10 ** (decade + 3):g} ms", "end")
            )
        middle = (LEFT + WIDTH - RIGHT) / 2
        return [*lines, _text(middle, HEIGHT - 15, "payments", "middle"), _text(LEFT, TOP - 15, "median time", "start")]


def _decades(values: list[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _points(figures: list[Figure], *, of_limit: bool) -> list[tuple[float, float]]:
    points = []
    for figure in figures:
        value = figure.limit if of_limit else figure.median
        if figure.size and value:
            points.append((float(figure.size), value))
    return sorted(points)


def _curve(axes: _Axes, points: list[tuple[float, float]], colour: str, dashes: str) -> str:
    places = [(axes.x(size), axes.y(value)) for size, value in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>{dots}'
    )


def _legend(index: int, label: str, colour: str, dashes: str) -> str:
    x, y = WIDTH - RIGHT + 20, TOP + 10 + 24 * index
    stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
    return f'<line x1="{x}" y1="{y}" x2="{x + 30}" y2="{y}" {stroke}/>' + _text(x + 38, y + 4, label, "start")


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
