"""What a replay costs: a fixed price for each swap, and a price for dollars that wait."""

import math
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from ops.advice.arrivals import HOUR, Arrivals
from ops.advice.replay import UNITS_A_DOLLAR, Outcome


@dataclass(frozen=True)
class Prices:
    """K and h: dollars a swap costs whatever its size, dollars that a waiting dollar costs in an hour."""

    swap_usd: Decimal
    waiting_usd: Decimal

    def of(self, outcome: Outcome) -> Decimal:
        """The cost of a replay, in dollars."""
        return self.swap_usd * outcome.batches + self.waiting_usd * outcome.waited_dollar_hours

    def a_day(self, outcome: Outcome) -> Decimal:
        """The cost of a replay, in dollars a day."""
        return self.of(outcome) / outcome.days if outcome.days else Decimal(0)


def dollars_an_hour(arrivals: Arrivals) -> Decimal:
    """What comes in, in dollars an hour: lambda m."""
    return Decimal(arrivals.sums[-1]) / UNITS_A_DOLLAR / max(hours(arrivals.span), Decimal(1))


def economic_threshold_usd(prices: Prices, usd_an_hour: Decimal) -> Decimal:
    """The cheapest threshold for even arrivals, S* = sqrt(2 K lambda m / h): the economic order quantity."""
    return (2 * prices.swap_usd * usd_an_hour / prices.waiting_usd).sqrt()


def dearer_pct(threshold_usd: Decimal, economic_usd: Decimal) -> Decimal:
    """By how many percent a threshold costs more than S*, where payments come in evenly: (S/S* + S*/S) / 2 - 1."""
    ratio = threshold_usd / economic_usd
    return ((ratio + 1 / ratio) / 2 - 1) * 100


def hours(span: timedelta) -> Decimal:
    """A length of time in hours."""
    return Decimal(span // timedelta(microseconds=1)) / (HOUR // timedelta(microseconds=1))


def two_digits(amount_usd: Decimal) -> Decimal:
    """An amount as people write it: two significant digits, and no more places than cents."""
    exponent = max(math.floor(amount_usd.log10()) - 1, -2)
    return amount_usd.quantize(Decimal(1).scaleb(exponent)).quantize(Decimal("0.01"))
