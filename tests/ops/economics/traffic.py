"""Made-up payments: even ones, and ones that follow the day. The same seed gives the same payments."""

import math
import random
from collections.abc import Callable
from typing import Final

from ops.advice.arrivals import Arrivals, sorted_arrivals

START_S: Final = 1_767_225_600  # 1 January 2026
HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S


def poisson(payments_an_hour: float, days: int, mean_usd: float = 10, seed: int = 1) -> Arrivals:
    """Payments that know nothing of one another, of exponentially spread amounts."""
    return thinned(payments_an_hour, days, mean_usd, lambda _: 1, seed)


def daily_cycle(payments_an_hour: float, days: int, mean_usd: float = 10, seed: int = 1) -> Arrivals:
    """The same on average, with nothing at the deadest hour of the night and twice as much twelve hours later."""
    return thinned(
        2 * payments_an_hour, days, mean_usd, lambda at_s: (1 - math.cos(2 * math.pi * at_s / DAY_S)) / 2, seed
    )


def thinned(  # noqa: PLR0917 - a rate, a span, a size, a shape, a seed
    peak_an_hour: float, days: int, mean_usd: float, share: Callable[[float], float], seed: int
) -> Arrivals:
    """Payments at a peak rate, of which a *share* that depends on the time is kept."""
    chance = random.Random(seed)
    at_s, listed = 0.0, []
    while (at_s := at_s + chance.expovariate(peak_an_hour / HOUR_S)) < days * DAY_S:
        amount_usd = chance.expovariate(1 / mean_usd)
        if chance.random() < share(at_s):
            listed.append((int((START_S + at_s) * 10**6), 1 + int(amount_usd * 10**8)))
    return sorted_arrivals(listed)
