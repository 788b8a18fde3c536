"""The replay makes the batches that the functions' own decision would have made, check by check."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.advice.arrivals import Arrivals, read_csv, sorted_arrivals
from ops.advice.cost_rule import CostRule
from ops.advice.replay import Levers, Opened, confirm, opens, outcome, replay, waits_us
from shared.errors import ValueImpossible
from shared.model.policy import CostRatio

MINUTE_US = 60_000_000
DAY_US = 24 * 60 * MINUTE_US

GAPS = st.one_of(st.integers(0, 40), st.just(15), st.integers(0, 3000))
PAYMENTS = st.lists(st.tuples(GAPS, st.integers(1, 40 * 10**8)), min_size=1, max_size=60)
LEVERS = st.builds(
    Levers,
    threshold_usd=st.decimals("0.01", "200", places=2),
    max_age_hours=st.none() | st.sampled_from([Decimal("0.1"), Decimal("0.25"), Decimal(1), Decimal(24)]),
    minimum_usd=st.sampled_from([Decimal(0), Decimal(15)]),
    cost_rule=st.none()
    | st.builds(
        CostRule,
        ratio=st.builds(
            CostRatio,
            start=st.decimals("0.001", "1", places=3),
            tau_hours=st.sampled_from([Decimal("0.01"), Decimal("0.3"), Decimal(12), Decimal(5000)]),
        ),
        swap_usd=st.decimals("0.00000001", "20", places=8),
    ),
)


def arrivals(payments: list[tuple[int, int]]) -> Arrivals:
    """Payments so many minutes after one another."""
    at_us, listed = 20_000 * DAY_US, []
    for gap_minutes, amount in payments:
        at_us += gap_minutes * MINUTE_US
        listed.append((at_us, amount))
    return sorted_arrivals(listed)


def walked(payments: Arrivals, levers: Levers) -> list[Opened]:
    """Every check in turn, asking the decision: slow, and plainly right."""
    found: list[Opened] = []
    first = 0
    tick = payments.ticks[0]
    while tick <= payments.ticks[-1] and first < len(payments):
        end = payments.seen_at(tick)
        if end > first and opens(payments, levers, tick, first, end):
            found.append(Opened(tick, first, end))
            first = end
        tick += 1
    return found


@given(PAYMENTS, LEVERS)
def test_the_bisection_finds_what_the_walk_finds(payments: list[tuple[int, int]], levers: Levers) -> None:
    """Batch by batch the same, whatever comes in and whatever the levers are."""
    replayed = list(replay(arrivals(payments), levers))
    assert replayed == walked(arrivals(payments), levers)
    assert confirm(arrivals(payments), levers) == len(replayed)


@given(PAYMENTS, LEVERS)
def test_the_sums_are_those_of_the_single_payments(payments: list[tuple[int, int]], levers: Levers) -> None:
    """What waited, and how long, counted payment by payment."""
    came_in = arrivals(payments)
    batches = list(replay(came_in, levers))
    waits = [
        (batch.tick * came_in.interval_us - came_in.instants_us[number], came_in.amounts[number])
        for batch in batches
        for number in range(batch.first, batch.end)
    ]
    came_to = outcome(came_in, levers)
    waited = Decimal(sum(wait * amount for wait, amount in waits)) / (10**8 * 3600 * 10**6)
    assert (came_to.batches, came_to.payments) == (len(batches), len(waits))
    assert came_to.waited_dollar_hours == waited
    assert waits_us(came_in, levers) == sorted(wait for wait, _ in waits)
    assert came_to.longest == timedelta(microseconds=max((wait for wait, _ in waits), default=0))


def test_the_rule_is_the_decisions_own_where_floats_cannot_tell() -> None:
    """Exactly at the limit, and one unit below: found as the decimals say."""
    rule = CostRule(CostRatio(Decimal("0.05"), Decimal(12)), swap_usd=Decimal("0.50000000"))
    at_the_limit = arrivals([(0, 10 * 10**8), (600, 1)])
    below = arrivals([(0, 10 * 10**8 - 1), (600, 1)])
    assert next(replay(at_the_limit, Levers(Decimal(999), cost_rule=rule))).tick == at_the_limit.ticks[0]
    assert next(replay(below, Levers(Decimal(999), cost_rule=rule))).tick == below.ticks[0] + 1


def test_a_wrong_replay_is_not_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The confirmation can fail: a batch one check late, and one a check early, are both refused."""
    came_in = arrivals([(0, 5 * 10**8), (30, 20 * 10**8), (45, 5 * 10**8)])
    levers = Levers(Decimal(20))
    (right,) = replay(came_in, levers)
    for wrong in (right._replace(tick=right.tick + 1), right._replace(tick=right.tick - 1, end=1)):
        monkeypatch.setattr("ops.advice.replay.replay", lambda *_, wrong=wrong: iter([wrong]))
        with pytest.raises(AssertionError, match="the decision opens"):
            confirm(came_in, levers)


def test_payments_are_read_from_a_file(tmp_path: Path) -> None:
    """Any order, any zone; further columns do not matter."""
    file = tmp_path / "payments.csv"
    file.write_text("client,created_at,amount_usd\na,2026-01-01T12:00:00Z,2.50\nb,2026-01-01T12:30:00+01:00,1\n")
    came_in = read_csv(file)
    assert list(came_in.amounts) == [10**8, 250_000_000]
    assert came_in.span == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("when,amount_usd\n2026-01-01,1\n", "created_at"),
        ("created_at,amount_usd\nyesterday,1\n", "line 2"),
        ("created_at,amount_usd\n2026-01-01,1\n2026-01-01,ten\n", "line 3"),
        ("created_at,amount_usd\n2026-01-01,-1\n", "not above 0"),
        ("created_at,amount_usd\n", "no payment"),
    ],
)
def test_a_file_that_cannot_be_replayed_says_why(tmp_path: Path, text: str, complaint: str) -> None:
    """The line is named."""
    file = tmp_path / "payments.csv"
    file.write_text(text)
    with pytest.raises(ValueImpossible, match=complaint):
        read_csv(file)
