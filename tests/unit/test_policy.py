"""The operators' levers are read strictly, and every decision has its reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest

from shared.errors import LeverInvalid
from shared.model.decision import Pending, decide
from shared.model.money import is_within
from shared.model.policy import CostRatio, Policy, parse_policy, parse_threshold, policy_text
from shared.model.reasons import Reason

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def waiting(pending_usd: str, payments: int = 2, age: timedelta = timedelta(minutes=5)) -> Pending:
    """Describe so many dollars waiting."""
    return Pending(payments, Decimal(pending_usd), NOW - age)


def decided(
    pending: Pending,
    *,
    policy: Policy | None = None,
    forced: bool = False,
    in_flight: int = 0,
    swap_cost_usd: str | None = None,
) -> Reason:
    """Decide at a threshold of $20."""
    return decide(
        pending,
        threshold_usd=Decimal(20),
        policy=policy or Policy(),
        forced=forced,
        in_flight=in_flight,
        now=NOW,
        swap_cost_usd=None if swap_cost_usd is None else Decimal(swap_cost_usd),
    )


@pytest.mark.parametrize("payload", [b"20.00", b"20.00\n", b" 20 ", b"2e1"])
def test_a_threshold_is_read(payload: bytes) -> None:
    """A finite decimal above 0; white space around it does not matter."""
    assert parse_threshold(payload) == 20


@pytest.mark.parametrize(
    "payload", [b"", b"abc", b"-5", b"0", b"NaN", b"Infinity", b"\xff\xfe", b"20,00", b"$20", b"1e400", b"20 30"]
)
def test_a_bad_threshold_is_refused(payload: bytes) -> None:
    """Anything else is no threshold."""
    with pytest.raises(LeverInvalid):
        parse_threshold(payload)


def test_a_policy_is_read_and_written() -> None:
    """Every key is optional; what is written reads back as the same policy."""
    assert parse_policy(b"{}") == Policy()
    policy = parse_policy(b'{"paused": true, "max_age_hours": 1.5, "max_payments": 100, "quote_deviation_pct": 5}')
    assert policy == Policy(True, Decimal("1.5"), 100, None, None, Decimal(5))
    assert parse_policy(policy_text(policy).encode()) == policy
    policy = parse_policy(b'{"cost_ratio": {"start": 0.05, "tau_hours": "12"}}')
    assert policy.cost_ratio == CostRatio(Decimal("0.05"), Decimal(12))
    assert parse_policy(policy_text(policy).encode()) == policy
    assert parse_policy(b'{"cost_ratio": null}') == Policy()


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"pause": true}',
        b'{"paused": "yes"}',
        b'{"paused": 1}',
        b'{"max_payments": 1.5}',
        b'{"max_payments": true}',
        b'{"max_payments": 0}',
        b'{"max_age_hours": -1}',
        b'{"max_age_hours": NaN}',
        b'{"max_batch_usd": "much"}',
        b'{"max_in_flight": {}}',
        b'{"quote_deviation_pct": null}',
        b'{"quote_deviation_pct": 101}',
        b'{"max_payments": 5, "oops": 1}',
        b'{"cost_ratio": 0.05}',
        b'{"cost_ratio": {}}',
        b'{"cost_ratio": {"start": 0.05}}',
        b'{"cost_ratio": {"start": 0.05, "tau_hours": null}}',
        b'{"cost_ratio": {"start": 0, "tau_hours": 12}}',
        b'{"cost_ratio": {"start": 1.01, "tau_hours": 12}}',
        b'{"cost_ratio": {"start": true, "tau_hours": 12}}',
        b'{"cost_ratio": {"start": 0.05, "tau_hours": -1}}',
        b'{"cost_ratio": {"start": 0.05, "tau_hours": 12, "stop": 1}}',
        b'{"cost_ratio": [0.05, 12]}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_bad_policy_is_refused_whole(document: bytes) -> None:
    """An unknown key or one bad value refuses the document."""
    with pytest.raises(LeverInvalid):
        parse_policy(document)


def test_the_threshold_decides() -> None:
    """The document's own cases: 25 of 20 opens, 15 of 20 waits, 20 of 20 opens."""
    assert decided(waiting("25.00")) == Reason.THRESHOLD_REACHED
    assert decided(waiting("15.00")) == Reason.BELOW_THRESHOLD
    assert decided(waiting("20.00")) == Reason.THRESHOLD_REACHED


def test_each_other_way_to_open() -> None:
    """Force, age and count open below the threshold; nothing opens without a payment."""
    assert decided(waiting("5"), forced=True) == Reason.FORCED
    assert decided(waiting("5", age=timedelta(hours=2)), policy=Policy(max_age_hours=Decimal(2))) == Reason.OVER_AGE
    assert decided(waiting("5", payments=3), policy=Policy(max_payments=3)) == Reason.PAYMENT_COUNT
    nothing = waiting("0", payments=0)._replace(oldest_at=None)
    assert decided(nothing, forced=True, policy=Policy(max_payments=1)) == Reason.BELOW_THRESHOLD


def test_a_swap_that_costs_little_beside_what_waits() -> None:
    """K / pending <= start x e^(age / tau): at once where it is small enough, later where it is not; never unknown."""
    policy = Policy(cost_ratio=CostRatio(start=Decimal("0.05"), tau_hours=Decimal(12)))
    at_once = waiting("10", age=timedelta(0))
    assert decided(at_once, policy=policy, swap_cost_usd="0.5") == Reason.COST_RATIO
    assert decided(at_once, policy=policy, swap_cost_usd="0.50000001") == Reason.BELOW_THRESHOLD
    dear = partial(decided, policy=policy, swap_cost_usd="1")  # twice what may be at once: 12 h x ln 2 = 8 h 19 min
    assert dear(waiting("10", age=timedelta(hours=8, minutes=19))) == Reason.BELOW_THRESHOLD
    assert dear(waiting("10", age=timedelta(hours=8, minutes=20))) == Reason.COST_RATIO
    assert dear(waiting("10", age=timedelta(days=3650))) == Reason.COST_RATIO
    for unknown in (None, "0"):
        assert decided(waiting("19", age=timedelta(days=3650)), policy=policy, swap_cost_usd=unknown) == (
            Reason.BELOW_THRESHOLD
        )
    assert dear(waiting("20")) == Reason.THRESHOLD_REACHED
    assert dear(waiting("0", payments=0)) == Reason.BELOW_THRESHOLD
    held = replace(policy, max_in_flight=1)
    assert decided(at_once, policy=held, swap_cost_usd="0.5", in_flight=1) == Reason.IN_FLIGHT_LIMIT


def test_what_holds_a_batch_back() -> None:
    """A pause holds back even a forced batch; the limit counts only where a batch would open."""
    assert decided(waiting("25"), forced=True, policy=Policy(paused=True)) == Reason.PAUSED
    assert decided(waiting("25"), policy=Policy(max_in_flight=2), in_flight=2) == Reason.IN_FLIGHT_LIMIT
    assert decided(waiting("15"), policy=Policy(max_in_flight=2), in_flight=2) == Reason.BELOW_THRESHOLD


def test_the_tolerance_counts_both_ways() -> None:
    """Twenty percent below and above, and no more."""
    expected = Decimal(50)
    assert all(is_within(Decimal(amount), expected, Decimal(20)) for amount in ("40", "60", "50"))
    assert not any(is_within(Decimal(amount), expected, Decimal(20)) for amount in ("39.99999999", "60.00000001"))
