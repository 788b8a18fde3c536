"""Bins of a histogram: edges, the words for what lies between two of them, and the bars."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import altair

from ops.pages.figures.drawing import BLUE, base, layered
from shared.outside.database import Row


def array(edges: Sequence[Decimal | int]) -> str:
    """Edges as PostgreSQL reads an array."""
    return "{" + ",".join(str(edge) for edge in edges) + "}"


def filled(rows: Sequence[Row], edges: Sequence[Any], write: Callable[[Any], str], *counts: str) -> list[Row]:
    """Every bin from the first to the last that holds anything, the empty ones between too, each with its words."""
    by_bin = {row["bin"]: row for row in rows}
    empty: Row = dict.fromkeys(counts, 0)
    between = range(min(by_bin), max(by_bin) + 1) if by_bin else range(0)
    return [{"between": _words(edges, number, write)} | by_bin.get(number, empty) for number in between]


def bars(rows: Sequence[Row], column: str, title: str) -> altair.LayerChart | None:
    """A bar for each bin."""
    if not rows:
        return None
    shown = [{"between": row["between"], column: row[column]} for row in rows]
    x = altair.X("between:N", sort=None, title=None, axis=altair.Axis(labelAngle=-40, labelOverlap=False))
    bar = base(shown).mark_bar(color=BLUE).encode(x=x, y=altair.Y(f"{column}:Q", title=title))
    return layered(bar)


def _words(edges: Sequence[Any], number: int, write: Callable[[Any], str]) -> str:
    if number == 0:
        return f"below {write(edges[0])}"
    if number == len(edges):
        return f"{write(edges[-1])} and more"
    return f"{write(edges[number - 1])} to {write(edges[number])}"
