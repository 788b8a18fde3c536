"""When the next check and the next batch are to be expected."""

from datetime import datetime, timedelta
from typing import Final

from ops.situation.needs import NEEDS_A_PERSON
from ops.situation.reading import PACE_SPAN, Situation
from shared.model.policy import Policy, parse_policy

HOURS_MAX: Final = 3650 * 24
CHECK_EVERY: Final = timedelta(minutes=15)  # the schedule that Terraform makes


def next_check_at(situation: Situation) -> datetime | None:
    """Say when the next check is due; None before the first one."""
    if situation.last_check is None:
        return None
    due: datetime = situation.last_check["checked_at"] + CHECK_EVERY
    return due


def next_batch_in(situation: Situation) -> timedelta | None:
    """Estimate how long until a batch is opened, at the pace of the last day; None where it waits for a person."""
    policy = policy_in_force(situation)
    if situation.levers is None or policy.paused or _waits_for_a_person(situation):
        return None
    waits = (
        _until_threshold(situation),
        _until_over_age(situation, policy),
        _until_worthwhile(situation, policy),
    )
    return min((wait for wait in waits if wait is not None), default=None)


def _waits_for_a_person(situation: Situation) -> bool:
    """Whether the last check was stopped by what no next check mends."""
    reason = situation.last_check["reason"] if situation.last_check else None
    return reason in NEEDS_A_PERSON or bool(situation.cut_over and situation.cut_over["is_wanted"])


def policy_in_force(situation: Situation) -> Policy:
    """The policy that the last check went by."""
    return parse_policy(situation.levers["policy"].encode()) if situation.levers else Policy()


def _until_threshold(situation: Situation) -> timedelta | None:
    assert situation.levers is not None
    missing_usd = situation.levers["threshold_usd"] - situation.pending_usd
    if missing_usd <= 0:
        return timedelta(0)
    if situation.pace_usd <= 0:
        return None
    days = missing_usd / situation.pace_usd
    return PACE_SPAN * float(days) if days * 24 < HOURS_MAX else None


def _until_over_age(situation: Situation, policy: Policy) -> timedelta | None:
    if policy.max_age_hours is None or situation.oldest_age is None:
        return None
    limit = timedelta(hours=float(policy.max_age_hours))
    return max(limit - situation.oldest_age, timedelta(0))


def _until_worthwhile(situation: Situation, policy: Policy) -> timedelta | None:
    """When the cost rule lets what waits now go; what comes in until then makes it sooner."""
    cost_usd = situation.last_check["swap_cost_usd"] if situation.last_check else None
    if policy.cost_ratio is None or not cost_usd or situation.oldest_age is None or situation.pending_usd <= 0:
        return None
    hours = policy.cost_ratio.tau_hours * (cost_usd / (policy.cost_ratio.start * situation.pending_usd)).ln()
    if hours > HOURS_MAX:
        return None
    return max(timedelta(hours=float(hours)) - situation.oldest_age, timedelta(0))
