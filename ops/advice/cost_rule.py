"""The policy's cost rule over a history: the first check at which a swap costs little enough beside what waits.

Floats find the check; where they are too close to tell, the functions' own decimal rule does.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

from ops.advice.arrivals import HOUR_US, MICROSECOND, Arrivals
from shared.model.decision import is_swap_worthwhile
from shared.model.money import PLACES, from_units
from shared.model.policy import CostRatio

TOO_CLOSE: Final = 1e-9


@dataclass(frozen=True)
class CostRule:
    """A rule, and what a swap costs all the time of a replay."""

    ratio: CostRatio
    swap_usd: Decimal

    def first_check(self, arrivals: Arrivals, first: int, last_tick: int) -> int | None:
        """The first check up to *last_tick* that opens a batch of the payments from *first* on; None where none does.

        What waits grows older and larger, so that checks before it say no and checks after it say yes: steps that
        double find a yes, and halving the last step finds the first.
        """
        tick = arrivals.ticks[first]
        if self.opens(arrivals, first, tick):
            return tick
        step = 1
        while not self.opens(arrivals, first, min(tick + step, last_tick)):
            if tick + step >= last_tick:
                return None
            tick += step
            step *= 2
        refused, opened = tick, min(tick + step, last_tick)
        while opened - refused > 1:
            middle = (refused + opened) // 2
            if self.opens(arrivals, first, middle):
                opened = middle
            else:
                refused = middle
        return opened

    def opens(self, arrivals: Arrivals, first: int, tick: int) -> bool:
        """Whether the rule lets the payments from *first* on go at a check."""
        units = arrivals.sums[arrivals.seen_at(tick)] - arrivals.sums[first]
        waited_us = tick * arrivals.interval_us - arrivals.instants_us[first]
        excess = self._log_at_once - math.log(units) - waited_us / self._tau_us
        if abs(excess) > TOO_CLOSE:
            return excess < 0
        return is_swap_worthwhile(self.ratio, self.swap_usd, from_units(units), waited_us * MICROSECOND)

    @cached_property
    def _log_at_once(self) -> float:
        """The logarithm of what must wait for a batch to be opened at once, in units."""
        return math.log(float(self.swap_usd / self.ratio.start)) + PLACES * math.log(10)

    @cached_property
    def _tau_us(self) -> float:
        return float(self.ratio.tau_hours * HOUR_US)
