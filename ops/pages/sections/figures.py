"""Figures, drawn."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ops.pages.figures.all_figures import FIGURES, Drawer, read_figures
from ops.pages.figures.drawing import draw
from ops.pages.section import Section
from shared.outside.database import Transaction

SPANS: Final = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}
"""Periods by name, in days."""


def read_figures_section(
    transaction: Transaction,
    now: datetime,
    span: str,
    *,
    drawers: tuple[Drawer, ...] = FIGURES,
    tell: Callable[[str], None] = lambda _: None,
) -> Section:
    """Figures over a period by its name, which *tell* hears of as they are drawn."""
    drawn = []
    for figure in read_figures(transaction, now, timedelta(days=SPANS[span]), drawers):
        tell(f"drawing: {figure.title}")
        drawn.append((figure, draw(figure)))
    facts = {"drawn": drawn, "span": span, "spans": tuple(SPANS), "is_alone": drawers is FIGURES}
    return Section("figures", f"Figures of the last {span}", "figures.html", facts)
