"""Every figure there is, in the order in which pages show them."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from ops.pages.figures.failures import draw_failures
from ops.pages.figures.figure import Figure
from ops.pages.figures.pending import draw_pending
from ops.pages.figures.period import Period, read_period
from ops.pages.figures.received import draw_received
from ops.pages.figures.saved import draw_saved
from ops.pages.figures.sizes import draw_sizes
from ops.pages.figures.waiting import draw_waiting
from shared.outside.database import Transaction

Drawer = Callable[[Transaction, Period], Figure]
FIGURES: Final[tuple[Drawer, ...]] = (
    draw_pending,
    draw_sizes,
    draw_waiting,
    draw_received,
    draw_saved,
    draw_failures,
)


def read_figures(
    transaction: Transaction, now: datetime, span: timedelta, drawers: tuple[Drawer, ...] = FIGURES
) -> Iterator[Figure]:
    """The figures of the last *span*, one by one as they are read; none where no check ever ran."""
    period = read_period(transaction, now, span)
    if period is None:
        return
    transaction.rows("scan_as_it_pays")
    for drawer in drawers:
        yield drawer(transaction, period)
