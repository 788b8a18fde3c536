"""The advice is the textbook's where the textbook applies, says how sure it is, and is quick."""

import random
import time
from datetime import timedelta
from decimal import Decimal
from functools import cache

import pytest

from ops.advice.arrivals import Arrivals
from ops.advice.costs import Prices, dearer_pct, dollars_an_hour, economic_threshold_usd, two_digits
from ops.advice.judgement import cheapest, saving, try_all, weekly_costs
from ops.advice.recommendation import choices_around, recommend_levers, to_document
from ops.advice.replay import Levers
from shared.errors import ValueImpossible
from tests.ops.economics.traffic import poisson

PRICES = Prices(swap_usd=Decimal(2), waiting_usd=Decimal("0.001"))
TODAY = Levers(Decimal("20.00"))
SECONDS_MAX = 10


@cache
def even(payments: int, days: int) -> Arrivals:
    """About so many payments, of $10 on average, that come in evenly."""
    return poisson(payments / (days * 24), days, seed=payments)


def test_even_arrivals_are_advised_as_the_textbook_has_it() -> None:
    """By quantity alone the cheapest is near S*, and half or twice of it is as much dearer as the formula says."""
    came_in = even(30_000, 365)
    economic_usd = economic_threshold_usd(PRICES, dollars_an_hour(came_in))
    by_quantity = [levers for levers in choices_around(economic_usd, TODAY) if levers.max_age_hours is None]
    best = cheapest(try_all(came_in, by_quantity, PRICES))
    assert best is not None
    assert Decimal("0.6") < best.levers.threshold_usd / economic_usd < Decimal("1.6")
    for factor in (Decimal("0.5"), Decimal(2)):
        (off,) = try_all(came_in, [Levers(two_digits(economic_usd * factor))], PRICES)
        dearer = (off.usd_a_day / best.usd_a_day - 1) * 100
        assert abs(dearer - dearer_pct(factor, Decimal(1))) < 8


def test_a_saving_that_is_there_is_shown_with_its_interval() -> None:
    """At $20 a batch has three payments: the interval is above zero and holds the mean."""
    advice = recommend_levers(even(20_000, 365), PRICES, today=TODAY)
    assert advice.saving.is_certain
    assert advice.saving.interval is not None
    low, high = advice.saving.interval
    assert low < advice.saving.usd_a_day < high
    assert "saves" in advice.saving.words()
    assert advice.best.cost_usd_a_day < advice.today.cost_usd_a_day
    assert to_document(advice)["recommended"]["threshold_usd"] == advice.best.levers.threshold_usd


def test_no_difference_is_claimed_where_none_is_shown() -> None:
    """Against levers that are as good already, nothing is promised."""
    advice = recommend_levers(even(20_000, 365), PRICES, today=TODAY)
    again = recommend_levers(even(20_000, 365), PRICES, today=advice.best.levers)
    assert not again.saving.is_certain
    assert again.saving.words() == "makes no difference that this history can show"


def test_too_short_a_history_gets_no_interval() -> None:
    """Weeks that were not seen cannot be spoken for."""
    advice = recommend_levers(even(2_000, 40), PRICES, today=TODAY)
    assert advice.saving.interval is None
    assert "8 are needed" in advice.saving.words()


def test_the_longest_wait_is_kept() -> None:
    """What is asked for holds on the payments that the advice was tuned on, and costs something."""
    freely = recommend_levers(even(3_000, 365), PRICES, today=TODAY)
    bound = recommend_levers(even(3_000, 365), PRICES, today=TODAY, longest_wait=timedelta(hours=13))
    assert freely.best.wait_longest > timedelta(hours=13)
    assert bound.best.levers.max_age_hours is not None
    assert bound.best.levers.max_age_hours <= 12
    with pytest.raises(ValueImpossible, match="longest wait"):
        recommend_levers(even(3_000, 365), PRICES, today=TODAY, longest_wait=timedelta(minutes=1))


def test_the_weeks_are_the_whole() -> None:
    """A week's costs add up to the replay's, but for what lies after the last whole week."""
    came_in = even(20_000, 364)
    (tried,) = try_all(came_in, [TODAY], PRICES)
    weeks = weekly_costs(came_in, TODAY, PRICES)
    assert abs(sum(weeks, Decimal(0)) / (7 * len(weeks)) - tried.usd_a_day) < tried.usd_a_day / 50


def test_the_same_payments_give_the_same_advice() -> None:
    """Chance has a seed."""
    came_in = even(5_000, 200)
    levers = Levers(Decimal(100))
    first, second = (saving(came_in, PRICES, today=TODAY, instead=levers, chance=random.Random(1)) for _ in range(2))
    assert first == second


def test_too_few_payments_are_refused() -> None:
    """Nothing is told by a handful."""
    with pytest.raises(ValueImpossible, match="too few"):
        recommend_levers(even(20, 20), PRICES, today=TODAY)


def test_a_year_of_payments_is_quick() -> None:
    """Three hundred choices over 200,000 payments, every shown batch confirmed: under ten seconds of work."""
    came_in = even(200_000, 365)
    said: list[tuple[int, int]] = []
    began = time.process_time()
    advice = recommend_levers(came_in, PRICES, today=TODAY, said=lambda *progress: said.append(progress))
    assert time.process_time() - began < SECONDS_MAX
    assert advice.tried >= 300
    assert said[-1] == (advice.tried, advice.tried)
