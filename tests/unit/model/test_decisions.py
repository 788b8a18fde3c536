"""The decision at its edges, and the order in which its rules count."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from shared.model.decision import Pending, decide
from shared.model.money import UNIT
from shared.model.policy import CostRatio, Policy
from shared.model.reasons import OPENING, Reason

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def waiting(pending_usd: str = "5", payments: int = 2, age: timedelta = timedelta(0)) -> Pending:
    """So many dollars, the oldest of that age."""
    return Pending(payments, Decimal(pending_usd), NOW - age)


def decided(pending: Pending, policy: Policy | None, **facts: Any) -> Reason:
    """Decide at a threshold of $20."""
    given: dict[str, Any] = {"threshold_usd": Decimal(20), "forced": False, "in_flight": 0, "now": NOW} | facts
    return decide(pending, policy=policy, **given)


def test_nothing_pending_is_nothing_known() -> None:
    """What a reading leaves out is empty: no time, no id, nobody left out, no cut-over wanted."""
    pending = Pending(0, Decimal(0), None)
    assert (pending.newest_created_at, pending.newest_id, dict(pending.unclaimable)) == (None, None, {})
    assert pending.is_cut_over_wanted is False
    assert pending.unclaimable_payments == 0
    assert pending.oldest_age(NOW) == timedelta(0)


def test_what_is_left_out_is_counted_over_all_reasons() -> None:
    """Two and three are five."""
    assert waiting()._replace(unclaimable={"no_time": 2, "locked": 3}).unclaimable_payments == 5


def test_an_age_is_never_below_nothing() -> None:
    """A payment from a clock ahead of ours is new."""
    assert waiting(age=timedelta(hours=3)).oldest_age(NOW) == timedelta(hours=3)
    assert waiting(age=-timedelta(hours=3)).oldest_age(NOW) == timedelta(0)


def test_without_a_policy_nothing_is_decided() -> None:
    """Not even what would be forced, nor the cut-over."""
    assert decided(waiting("25"), None, forced=True) == Reason.POLICY_UNREADABLE
    assert decided(waiting("25")._replace(is_cut_over_wanted=True), None) == Reason.POLICY_UNREADABLE


def test_a_cut_over_holds_back_everything() -> None:
    """Also what is forced; it is said before a pause."""
    pending = waiting("25")._replace(is_cut_over_wanted=True)
    assert decided(pending, Policy(), forced=True) == Reason.CUT_OVER_PENDING
    assert decided(pending, Policy(paused=True)) == Reason.CUT_OVER_PENDING


@pytest.mark.parametrize(
    ("pending_usd", "reason"),
    [
        ("19.99999999", Reason.BELOW_THRESHOLD),
        ("20", Reason.THRESHOLD_REACHED),
        ("20.00000001", Reason.THRESHOLD_REACHED),
    ],
)
def test_the_threshold_is_met_to_the_last_digit(pending_usd: str, reason: Reason) -> None:
    """At the threshold is reached, a unit below is not."""
    assert decided(waiting(pending_usd), Policy()) == reason


@pytest.mark.parametrize(("hours", "seconds"), [("2", 7200), ("0.5", 1800), ("1.25", 4500)])
def test_the_age_is_met_to_the_microsecond(hours: str, seconds: int) -> None:
    """At the age is over it, a microsecond before is not."""
    policy, age = Policy(max_age_hours=Decimal(hours)), timedelta(seconds=seconds)
    assert decided(waiting(age=age), policy) == Reason.OVER_AGE
    assert decided(waiting(age=age - MICROSECOND), policy) == Reason.BELOW_THRESHOLD


def test_the_count_is_met_to_the_payment() -> None:
    """Three of three, not two of three."""
    assert decided(waiting(payments=3), Policy(max_payments=3)) == Reason.PAYMENT_COUNT
    assert decided(waiting(payments=4), Policy(max_payments=3)) == Reason.PAYMENT_COUNT
    assert decided(waiting(payments=2), Policy(max_payments=3)) == Reason.BELOW_THRESHOLD


def test_what_a_swap_costs_counts_where_the_policy_says_so() -> None:
    """At the ratio is enough, a unit above it not until an age; without a rule or a cost nothing is said."""
    policy = Policy(cost_ratio=CostRatio(Decimal("0.1"), Decimal(24)))
    assert decided(waiting(), policy, swap_cost_usd=Decimal("0.5")) == Reason.COST_RATIO
    assert decided(waiting(), policy, swap_cost_usd=Decimal("0.50000001")) == Reason.BELOW_THRESHOLD
    assert decided(waiting(age=MICROSECOND * 10**4), policy, swap_cost_usd=Decimal("0.50000001")) == Reason.COST_RATIO
    assert decided(waiting(), Policy(), swap_cost_usd=UNIT) == Reason.BELOW_THRESHOLD
    assert decided(waiting(), policy) == Reason.BELOW_THRESHOLD
    assert decided(waiting(), policy, swap_cost_usd=Decimal(0)) == Reason.BELOW_THRESHOLD


def test_the_first_rule_that_holds_gives_the_reason() -> None:
    """Threshold, force, age, count, cost."""
    policy = Policy(max_age_hours=Decimal(1), max_payments=1, cost_ratio=CostRatio(Decimal(1), Decimal(1)))
    old = timedelta(hours=1)
    assert decided(waiting(payments=0), policy, swap_cost_usd=UNIT) == Reason.BELOW_THRESHOLD
    assert decided(waiting(), replace(policy, max_payments=3), swap_cost_usd=UNIT) == Reason.COST_RATIO
    assert decided(waiting("20", age=old), policy, forced=True) == Reason.THRESHOLD_REACHED
    assert decided(waiting(age=old), policy, forced=True) == Reason.FORCED
    assert decided(waiting(age=old), policy) == Reason.OVER_AGE
    assert decided(waiting(), policy, swap_cost_usd=UNIT) == Reason.PAYMENT_COUNT


@pytest.mark.parametrize(("in_flight", "is_open"), [(1, True), (2, False), (3, False)])
def test_the_limit_in_flight_holds_back_every_way_to_open(in_flight: int, is_open: bool) -> None:
    """Below the limit opens, at it and above it does not; what would wait anyhow says why it waits."""
    policy = Policy(max_in_flight=2, max_age_hours=Decimal(1), max_payments=3)
    for pending, forced in (
        (waiting("20"), False),
        (waiting(), True),
        (waiting(age=timedelta(hours=1)), False),
        (waiting(payments=3), False),
    ):
        reason = decided(pending, policy, forced=forced, in_flight=in_flight)
        assert reason in OPENING if is_open else reason == Reason.IN_FLIGHT_LIMIT
    assert decided(waiting(), policy, in_flight=in_flight) == Reason.BELOW_THRESHOLD
    assert decided(waiting("20"), Policy(), in_flight=99) == Reason.THRESHOLD_REACHED


def test_nobody_pending_opens_nothing() -> None:
    """Not by force, age or count, and not at a threshold of nothing."""
    policy = Policy(max_age_hours=Decimal(1), max_payments=1)
    nobody = Pending(0, Decimal(0), NOW - timedelta(hours=5))
    assert decided(nobody, policy, forced=True, threshold_usd=Decimal(0)) == Reason.BELOW_THRESHOLD
