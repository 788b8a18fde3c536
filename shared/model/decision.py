"""The decision of a check, with its reason. No I/O."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from shared.model.policy import CostRatio, Policy
from shared.model.reasons import OPENING, Reason


class Pending(NamedTuple):
    """What waits at one instant: what a batch could take, and what none takes, counted by reason.

    *newest_created_at* and *newest_id* mark where that instant ends: by time, and by order of arrival.
    """

    payments: int
    pending_usd: Decimal
    oldest_at: datetime | None
    newest_created_at: datetime | None = None
    newest_id: int | None = None
    unclaimable: Mapping[str, int] = MappingProxyType({})
    is_cut_over_wanted: bool = False

    @property
    def unclaimable_payments(self) -> int:
        """How many payments no batch takes, whatever the reason."""
        return sum(self.unclaimable.values())

    def oldest_age(self, now: datetime) -> timedelta:
        """How long the oldest payment has waited; zero where none does."""
        return max(now - self.oldest_at, timedelta(0)) if self.oldest_at else timedelta(0)


def decide(
    pending: Pending,
    *,
    threshold_usd: Decimal,
    policy: Policy | None,
    forced: bool,
    in_flight: int,
    now: datetime,
    swap_cost_usd: Decimal | None = None,
) -> Reason:
    """Say why to open a batch now, or why not; *policy* is None where none could ever be read.

    A pause and a cut-over that nobody has decided hold back even a forced one. *swap_cost_usd* is what the policy's
    cost rule goes by; None where no swap's cost is known, and the rule says nothing.
    """
    if policy is None:
        return Reason.POLICY_UNREADABLE
    if pending.is_cut_over_wanted:
        return Reason.CUT_OVER_PENDING
    if policy.paused:
        return Reason.PAUSED
    reason = _find_reason(
        pending, threshold_usd=threshold_usd, policy=policy, forced=forced, now=now, swap_cost_usd=swap_cost_usd
    )
    if reason in OPENING and policy.max_in_flight is not None and in_flight >= policy.max_in_flight:
        return Reason.IN_FLIGHT_LIMIT
    return reason


def _find_reason(
    pending: Pending,
    *,
    threshold_usd: Decimal,
    policy: Policy,
    forced: bool,
    now: datetime,
    swap_cost_usd: Decimal | None,
) -> Reason:
    if pending.payments == 0:
        return Reason.BELOW_THRESHOLD
    if pending.pending_usd >= threshold_usd:
        return Reason.THRESHOLD_REACHED
    if forced:
        return Reason.FORCED
    if policy.max_age_hours is not None and _to_hours(pending.oldest_age(now)) >= policy.max_age_hours:
        return Reason.OVER_AGE
    if policy.max_payments is not None and pending.payments >= policy.max_payments:
        return Reason.PAYMENT_COUNT
    if policy.cost_ratio is not None and swap_cost_usd:
        oldest_age = pending.oldest_age(now)
        if is_swap_worthwhile(policy.cost_ratio, swap_cost_usd, pending.pending_usd, oldest_age):
            return Reason.COST_RATIO
    return Reason.BELOW_THRESHOLD


def is_swap_worthwhile(rule: CostRatio, swap_cost_usd: Decimal, pending_usd: Decimal, oldest_age: timedelta) -> bool:
    """Tell whether cost / pending <= start x e^(age / tau); in logarithms: e to a great age is no number."""
    times_start = swap_cost_usd / (rule.start * pending_usd)
    return times_start.ln() <= _to_hours(oldest_age) / rule.tau_hours


def _to_hours(age: timedelta) -> Decimal:
    return Decimal(age // timedelta(microseconds=1)) / Decimal(3_600_000_000)
