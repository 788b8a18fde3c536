"""What batches other levers would have made of the same payments.

The next batch is found by bisection in running sums, not by walking from check to check; `confirm` takes each of them
to the functions' own decision, which must open at that check and at none before it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from ops.advice.arrivals import HOUR_US, MICROSECOND, Arrivals
from ops.advice.cost_rule import CostRule
from shared.model.decision import Pending, decide
from shared.model.money import from_units, to_units
from shared.model.policy import Policy
from shared.model.reasons import OPENING

UNITS_A_DOLLAR: Final = 10**8


@dataclass(frozen=True)
class Levers:
    """What is tried: a threshold, a longest age, the least that the exchange takes, and a rule by a swap's cost."""

    threshold_usd: Decimal
    max_age_hours: Decimal | None = None
    minimum_usd: Decimal = Decimal(0)
    cost_rule: CostRule | None = None


class Opened(NamedTuple):
    """One batch: the check that opened it, and its payments from *first* up to, not including, *end*."""

    tick: int
    first: int
    end: int


@dataclass(frozen=True)
class Outcome:
    """What came of it, up to the last batch; payments that still wait are left out, they would bias it."""

    batches: int
    payments: int
    waited_dollar_hours: Decimal
    longest: timedelta
    days: Decimal


def replay(arrivals: Arrivals, levers: Levers) -> Iterator[Opened]:
    """Every batch that *levers* would have opened, in order, up to the check that sees the last payment.

    What age alone would have opened later is left out: nobody knows what would have come in until then.
    """
    sums, instants, interval_us, total = arrivals.sums, arrivals.instants_us, arrivals.interval_us, len(arrivals)
    threshold, minimum = to_units(levers.threshold_usd), to_units(levers.minimum_usd)
    age_us = None if levers.max_age_hours is None else int(levers.max_age_hours * HOUR_US)
    ticks, seen, first, size = arrivals.ticks, arrivals.seen, 0, 1
    while first < total:
        last = _reached(sums, sums[first] + threshold, first, size)
        tick = ticks[last] if last < total else None
        if age_us is not None:
            aged = -(-(instants[first] + age_us) // interval_us)
            if tick is None or aged < tick:
                tick = aged
                last = bisect_right(instants, aged * interval_us, first, min(last + 1, total)) - 1
        if levers.cost_rule is not None:
            sooner = levers.cost_rule.first_check(arrivals, first, ticks[-1] if tick is None else tick)
            if sooner is not None:
                tick, last = sooner, arrivals.seen_at(sooner) - 1
        if sums[min(last, total - 1) + 1] - sums[first] < minimum:
            last = _reached(sums, sums[first] + minimum, first, size)
            tick = ticks[last] if last < total else None
        if tick is None or tick > ticks[-1]:
            return
        end = seen[last]
        yield Opened(tick, first, end)
        first, size = end, end - first


def _reached(sums: Sequence[int], target: int, first: int, size: int) -> int:
    """The payment with which the sum reaches *target*, or their number; looked for near *size* payments on first.

    The whole of a long list is slow to search: each step of a bisection is far from the one before.
    """
    near = min(first + 4 * size + 1, len(sums) - 1)
    if sums[near] >= target:
        return bisect_left(sums, target, first + 1, near + 1) - 1
    return bisect_left(sums, target, near + 1) - 1


def outcome(arrivals: Arrivals, levers: Levers) -> Outcome:
    """Sum up a replay."""
    batches = end = longest_us = waited = tick = 0
    interval_us, instants, sums, moments = arrivals.interval_us, arrivals.instants_us, arrivals.sums, arrivals.moments
    for tick, first, end in replay(arrivals, levers):
        batches += 1
        at_us = tick * interval_us
        waited += at_us * (sums[end] - sums[first]) - (moments[end] - moments[first])
        longest_us = max(longest_us, at_us - instants[first])
    return Outcome(
        batches=batches,
        payments=end,
        waited_dollar_hours=Decimal(waited) / (UNITS_A_DOLLAR * HOUR_US),
        longest=longest_us * MICROSECOND,
        days=Decimal(max(tick * interval_us - instants[0], 0)) / (24 * HOUR_US),
    )


def waits_us(arrivals: Arrivals, levers: Levers) -> list[int]:
    """How long each payment of a batch waited, shortest first."""
    interval_us, instants = arrivals.interval_us, arrivals.instants_us
    return sorted(
        tick * interval_us - instant for tick, first, end in replay(arrivals, levers) for instant in instants[first:end]
    )


def confirm(arrivals: Arrivals, levers: Levers) -> int:
    """Take every batch of a replay to the functions' own decision; returns how many there were.

    Each must be opened at its check and not at the one before. What waits only grows older and larger, so that no
    earlier check can have opened it either.
    """
    batches = 0
    for tick, first, end in replay(arrivals, levers):
        assert opens(arrivals, levers, tick, first, end), f"the decision opens no batch at check {tick}"
        before = arrivals.seen_at(tick - 1)
        assert before <= first or not opens(arrivals, levers, tick - 1, first, before), (
            f"the decision opens a batch before check {tick}"
        )
        batches += 1
    return batches


def opens(arrivals: Arrivals, levers: Levers, tick: int, *payments: int) -> bool:
    """Whether the check at *tick* would open a batch of the payments from the first up to the end."""
    first, end = payments
    pending_usd, rule = from_units(arrivals.sums[end] - arrivals.sums[first]), levers.cost_rule
    pending = Pending(
        payments=end - first,
        pending_usd=pending_usd,
        oldest_at=arrivals.moment(arrivals.instants_us[first]),
    )
    reason = decide(
        pending,
        threshold_usd=levers.threshold_usd,
        policy=Policy(max_age_hours=levers.max_age_hours, cost_ratio=rule.ratio if rule else None),
        forced=False,
        in_flight=0,
        now=arrivals.moment(tick * arrivals.interval_us),
        swap_cost_usd=rule.swap_usd if rule else None,
    )
    return reason in OPENING and pending_usd >= levers.minimum_usd
