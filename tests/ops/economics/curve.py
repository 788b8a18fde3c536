"""Dollars a day over the threshold, drawn by hand: the cost of real payments beside the textbook's curve."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

WIDTH, HEIGHT, MARGIN = 760, 420, 70
COLOURS: Final = ("#1a5fb4", "#b3261e", "#26762b")
Points = Sequence[tuple[Decimal, Decimal]]


def curve(named: Sequence[tuple[str, Points]], ceiling_usd: Decimal) -> str:
    """An SVG with one line for each name; thresholds logarithmic, costs from zero to the ceiling."""
    thresholds = [float(threshold) for _, points in named for threshold, _ in points]
    low, high = math.log10(min(thresholds)), math.log10(max(thresholds))

    def place(threshold: float, cost: float) -> str:
        x = MARGIN + (math.log10(threshold) - low) / (high - low) * (WIDTH - 2 * MARGIN)
        y = HEIGHT - MARGIN - min(cost / float(ceiling_usd), 1) * (HEIGHT - 2 * MARGIN)
        return f"{x:.1f},{y:.1f}"

    parts = []
    for number, (name, points) in enumerate(named):
        colour = COLOURS[number % len(COLOURS)]
        shown = [(float(threshold), float(cost)) for threshold, cost in points if cost <= ceiling_usd]
        path = " ".join(place(*point) for point in sorted(shown))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{MARGIN + 20}" y="{20 + 18 * number}" fill="{colour}">{name}</text>')
    for threshold in _ticks(low, high):
        x, bottom = place(threshold, 0).split(",")
        parts.append(f'<text x="{x}" y="{float(bottom) + 20:.1f}" text-anchor="middle">${threshold:,.0f}</text>')
    for step in range(5):
        cost = float(ceiling_usd) * step / 4
        x, y = place(10**low, cost).split(",")
        parts.append(f'<text x="{float(x) - 8:.1f}" y="{y}" text-anchor="end">${cost:,.0f}</text>')
    body = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13"><title>Dollars a day over the threshold</title><rect width="{WIDTH}" height="{HEIGHT}" '
        f'fill="white"/>{body}</svg>\n'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Ten, thirty, a hundred, and so on, within the plot."""
    steps = [size * 10**power for power in range(-2, 8) for size in (1, 3)]
    return [step for step in steps if low <= math.log10(step) <= high]
