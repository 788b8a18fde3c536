"""Levers tuned on the first part of the payments and judged on the rest, against the levers of today."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from ops.advice.arrivals import HOUR_US, MICROSECOND, Arrivals
from ops.advice.costs import Prices
from ops.advice.replay import UNITS_A_DOLLAR, Levers, Outcome, outcome, replay

WEEK: Final = timedelta(weeks=1)
WEEKS_MIN: Final = 8
"""Fewer say nothing about the weeks that were not seen."""
RESAMPLES: Final = 2000
OUTSIDE: Final = 0.05
"""On either side of the interval, which therefore holds nine in ten."""


@dataclass(frozen=True)
class Tried:
    """Levers, and what they would have come to."""

    levers: Levers
    outcome: Outcome
    usd_a_day: Decimal


@dataclass(frozen=True)
class Saving:
    """Dollars a day that levers would have saved against others; the interval is None where weeks are too few."""

    usd_a_day: Decimal
    interval: tuple[Decimal, Decimal] | None
    weeks: int

    @property
    def is_certain(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.interval is not None and self.interval[0] > 0

    def words(self) -> str:
        """What may be said of it: the rest of a sentence that begins with what was chosen."""
        if self.interval is None:
            return f"cannot be judged: {self.weeks} whole weeks to judge by, {WEEKS_MIN} are needed"
        if self.is_certain:
            return f"saves {self.interval[0]:.2f} to {self.interval[1]:.2f} dollars a day (nine in ten)"
        return "makes no difference that this history can show"


def try_all(
    arrivals: Arrivals, choices: Sequence[Levers], prices: Prices, said: Callable[[int], None] = lambda _: None
) -> list[Tried]:
    """Replay every choice; *said* hears after each how many are done."""
    tried = []
    for number, levers in enumerate(choices, start=1):
        came_to = outcome(arrivals, levers)
        tried.append(Tried(levers, came_to, prices.a_day(came_to)))
        said(number)
    return tried


def cheapest(tried: Iterable[Tried], longest_wait: timedelta | None = None) -> Tried | None:
    """The cheapest choice that opened a batch and, where asked, let nobody wait longer; None where none did."""
    fit = [
        one for one in tried if one.outcome.batches and (longest_wait is None or one.outcome.longest <= longest_wait)
    ]
    return min(fit, key=lambda one: (one.usd_a_day, one.levers.threshold_usd), default=None)


def saving(arrivals: Arrivals, prices: Prices, *, today: Levers, instead: Levers, chance: random.Random) -> Saving:
    """Compare two choices week by week; whole weeks are resampled for the interval: a week's days hang together."""
    before, after = (weekly_costs(arrivals, levers, prices) for levers in (today, instead))
    differences = [(first - second) / 7 for first, second in zip(before, after, strict=True)]
    weeks = len(differences)
    if not weeks:
        return Saving(Decimal(0), None, 0)
    mean = sum(differences, Decimal(0)) / weeks
    return Saving(mean, _interval(differences, chance) if weeks >= WEEKS_MIN else None, weeks)


def weekly_costs(arrivals: Arrivals, levers: Levers, prices: Prices) -> list[Decimal]:
    """What each whole week cost: the batches that it opened, and the dollars that waited in it."""
    weeks = arrivals.span // WEEK
    week_us = WEEK // MICROSECOND
    costs = [Decimal(0)] * weeks
    sums, moments, start_us = arrivals.sums, arrivals.moments, arrivals.instants_us[0]
    for tick, first, end in replay(arrivals, levers):
        at_us = tick * arrivals.interval_us
        week = (at_us - start_us) // week_us
        if week >= weeks:
            break
        waited = Decimal(at_us * (sums[end] - sums[first]) - (moments[end] - moments[first]))
        costs[week] += prices.swap_usd + prices.waiting_usd * waited / (UNITS_A_DOLLAR * HOUR_US)
    return costs


def _interval(differences: Sequence[Decimal], chance: random.Random) -> tuple[Decimal, Decimal]:
    weeks = len(differences)
    means = sorted(sum(chance.choices(differences, k=weeks), Decimal(0)) / weeks for _ in range(RESAMPLES))
    outside = int(RESAMPLES * OUTSIDE)
    return means[outside], means[-1 - outside]
