"""Which levers would have been cheapest for one's own payments: replayed when somebody asks for it."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from ops.advice.recommendation import WAITING_PCT, Recommendation, recommend_levers
from ops.advice.recorded import Recorded, read_recorded
from ops.advice.telling import commands, weighed
from ops.pages.commands import Command
from ops.pages.figures.cost_curve import draw_cost_curve, no_cost_curve
from ops.pages.figures.drawing import draw
from ops.pages.figures.figure import Figure
from ops.pages.section import Section
from ops.pages.sections.figures import SPANS
from shared.errors import ValueImpossible
from shared.outside.database import Transaction

SPAN: Final = "year"
"""Half of what is replayed has to have weeks enough to judge by."""
_ONE_AT_A_TIME: Final = threading.Lock()


def read_payments(transaction: Transaction, now: datetime, span: str) -> Recorded | str:
    """What came in over a period by its name, with the levers in force; a sentence where that is nothing."""
    try:
        return read_recorded(transaction, now, timedelta(days=SPANS[span]))
    except ValueImpossible as error:
        return str(error)


def show_recommendation(known: Recorded | str, span: str, *, tell: Callable[[str], None] = lambda _: None) -> Section:
    """Replay and draw; some seconds for a year, in which no transaction needs to be open."""
    tell("replaying what came in")
    figure, told, typed = _figure(known)
    facts = {"drawn": [(figure, draw(figure))], "told": told, "typed": typed, "span": span, "spans": tuple(SPANS)}
    return Section("recommendation", f"Recommendation from the last {span}", "recommendation.html", facts)


def _figure(known: Recorded | str) -> tuple[Figure, list[str], list[Command]]:
    if isinstance(known, str):
        return no_cost_curve(known), [], []
    try:
        advice = _advise_in_turn(known)
    except ValueImpossible as error:
        return no_cost_curve(str(error)), [], []
    told = [
        f"{advice.payments:,} payments in {advice.days:.0f} days were replayed.",
        f"{advice.tried} choices were tried on the first half of the time; the figures are of the second.",
        f"Weighed: {weighed(advice)}.",
        f"To compare: {advice.flatness}.",
    ]
    does = ("this threshold, from the next check on", "and the rules that go with it")
    typed = [Command(text, said) for text, said in zip(commands(advice.best.levers), does, strict=True)]
    return draw_cost_curve(advice), told, typed


def _advise_in_turn(known: Recorded) -> Recommendation:
    """One replay at a time: whoever loads the page again while it is made waits for the same one."""
    with _ONE_AT_A_TIME:
        return _advise(known)


@lru_cache(maxsize=2)
def _advise(known: Recorded) -> Recommendation:
    return recommend_levers(known.arrivals, known.prices(None, WAITING_PCT), today=known.today)
