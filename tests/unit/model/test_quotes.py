"""What a batch may hold and what it is worth: every limit to its last digit, every sum on the safe side."""

from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal

import pytest

from shared.model.costs import QuotedCosts, read_costs
from shared.model.decision import Pending
from shared.model.exchange import Estimate, Range
from shared.model.money import AMOUNT_MAX, UNIT
from shared.model.policy import Policy
from shared.model.quote import Quote, Rate, Sums, Terms, cap_eth, cap_usd, select_all

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
THIRDS = Rate(Decimal(3), Decimal(1))  # three dollars are an ETH
TERMS = Terms(
    limits=Range(Decimal(1), Decimal(10)),
    usd_max=Decimal(25),
    payments_max=3,
    rate=THIRDS,
    quote=Quote(Decimal(2), Decimal(8)),
    deviation_pct=Decimal(20),
)


def test_a_rate_is_exact_for_the_dollars_that_it_was_made_for() -> None:
    """Three dollars are one ETH, and one is a third, rounded only at the eightieth digit."""
    assert THIRDS.to_eth(Decimal(3)) == 1
    assert str(THIRDS.to_eth(Decimal(1))) == "0." + "3" * 80


def test_a_rate_as_one_number_is_rounded_up() -> None:
    """Eighteen places; what divides evenly stays as it is."""
    assert THIRDS.eth_per_usd == Decimal("0.333333333333333334")
    assert Rate(Decimal(4), Decimal(1)).eth_per_usd == Decimal("0.25")
    wide = Rate(Decimal(1), Decimal("123456789012345678.123456789012345678"))
    assert wide.eth_per_usd == wide.amount_eth


def test_payments_are_valued_by_what_they_know_and_by_the_rate_and_cut() -> None:
    """Known ETH as it is, dollars by the rate, the sum rounded down once."""
    assert Sums(2, Decimal(9), Decimal("0.5"), Decimal(1)).value_in_eth(THIRDS) == Decimal("0.83333333")
    assert Sums(1, Decimal(3), Decimal("0.000000019"), Decimal(0)).value_in_eth(THIRDS) == UNIT


@pytest.mark.parametrize(
    ("sums", "does_fit"),
    [
        (Sums(3, Decimal(25), Decimal(10), Decimal(0)), True),
        (Sums(4, Decimal(25), Decimal(10), Decimal(0)), False),
        (Sums(3, Decimal(25) + UNIT, Decimal(10), Decimal(0)), False),
        (Sums(3, Decimal(25), Decimal(10) + UNIT, Decimal(0)), False),
        (Sums(3, Decimal(25), Decimal(0), Decimal(30)), True),
        (Sums(3, Decimal(25), UNIT, Decimal(30)), False),
    ],
)
def test_a_batch_holds_up_to_each_limit(sums: Sums, does_fit: bool) -> None:
    """Payments, dollars, ETH: at the limit it fits, a unit above it does not."""
    assert TERMS.hold(sums) is does_fit


def test_the_terms_for_the_statements() -> None:
    """Each by its name; the guard's band lies around what the quote says that ETH is worth."""
    assert TERMS.parameters == {
        "usd_max": Decimal(25),
        "unknown_usd_max": Decimal(25),
        "eth_max": Decimal(10),
        "eth_per_usd": Decimal("0.333333333333333334"),
        "eth_per_usd_min": Decimal("0.2"),
        "eth_per_usd_max": Decimal("0.3"),
        "payments_max": 3,
    }


def test_a_worth_is_rounded_to_eighteen_places() -> None:
    """One ETH for three USDT is a third of an ETH a dollar."""
    terms = TERMS._replace(quote=Quote(Decimal(1), Decimal(3)), deviation_pct=Decimal(50))
    assert terms.parameters["eth_per_usd_min"] == Decimal("0.333333333333333333") / 2
    assert terms.parameters["eth_per_usd_max"] == Decimal("0.333333333333333333") * 3 / 2


def test_dollars_without_known_ether_are_held_below_both_limits() -> None:
    """The smaller of the cap and of what the exchange's maximum is worth at the rate, rounded down."""
    assert TERMS._replace(usd_max=AMOUNT_MAX).unknown_usd_max == Decimal("29.99999999")
    assert TERMS._replace(usd_max=Decimal(20)).unknown_usd_max == 20


def test_the_caps() -> None:
    """The policy's dollars, the exchange's ETH rounded down; else what the columns hold."""
    assert (cap_usd(Policy()), cap_usd(Policy(max_batch_usd=Decimal(7)))) == (AMOUNT_MAX, Decimal(7))
    assert cap_eth(Range(Decimal(0), None)) == AMOUNT_MAX
    assert cap_eth(Range(Decimal(0), Decimal("1.123456789"))) == Decimal("1.12345678")
    assert cap_eth(Range(Decimal(0), AMOUNT_MAX * 2)) == AMOUNT_MAX


def test_everything_that_waited_is_selected() -> None:
    """Up to the newest by age and by arrival, but for the locked; each is asked whether it fits."""
    newest = NOW - timedelta(minutes=3)
    selection = select_all(Pending(4, Decimal(9), NOW, newest, 17), TERMS, (5, 6))
    assert selection.parameters == {
        "last_created_at": newest,
        "last_id": 17,
        "arrived_id": 17,
        "locked_ids": [5, 6],
        "is_selective": True,
        **TERMS.parameters,
    }


def test_a_rate_before_fees_is_what_is_left_of_both() -> None:
    """(7 + 1) USDT for (5 - 1) ETH are two for one; without both fees, or where they eat all, it is not known."""
    estimate = Estimate(Decimal(5), Decimal(7), Decimal(1), Decimal(1))
    assert estimate.rate_before_fees == 2
    assert estimate._replace(deposit_fee=None).rate_before_fees is None
    assert estimate._replace(withdrawal_fee=None).rate_before_fees is None
    assert estimate._replace(deposit_fee=Decimal(5)).rate_before_fees is None
    assert estimate._replace(deposit_fee=Decimal("4.5")).rate_before_fees == 16
    beyond = estimate._replace(deposit_fee=Decimal("4.5"), withdrawal_fee=Decimal("9e999999"))
    assert beyond.rate_before_fees is None


def test_the_costs_are_read_of_both_quotes() -> None:
    """Fees and minimum as columns hold them, half to even; the market between the two quotes is their square root."""
    estimate = Estimate(Decimal(5), Decimal(7), Decimal(1), Decimal(1))
    costs = read_costs(estimate, Range(Decimal("0.123456785"), None), Decimal("0.125"))
    assert costs == QuotedCosts(Decimal(1), Decimal(1), Decimal("0.12345678"), Decimal(4))
    assert read_costs(estimate, None, None) == QuotedCosts(Decimal(1), Decimal(1), None, None)
    assert read_costs(estimate._replace(deposit_fee=AMOUNT_MAX + 1), None, Decimal(1)).deposit_fee_eth is None
    assert read_costs(estimate._replace(withdrawal_fee=None), None, Decimal(1)) == QuotedCosts(Decimal(1))
    assert read_costs(estimate._replace(withdrawal_fee=-UNIT), None, None).withdrawal_fee_usdt is None
    assert read_costs(estimate._replace(withdrawal_fee=AMOUNT_MAX), None, None).withdrawal_fee_usdt == AMOUNT_MAX
    assert read_costs(estimate._replace(deposit_fee=Decimal(0)), None, None).deposit_fee_eth == 0
    assert QuotedCosts() == QuotedCosts(None, None, None, None)


def test_a_market_rate_is_rounded_once() -> None:
    """A hair above half a unit is a whole unit, however many digits the hair is away; half goes to the even."""
    one_for_one = Estimate(Decimal(2), Decimal(0), Decimal(1), Decimal(1))
    wide = Context(prec=80)
    half = Decimal("0.000000125")
    for rate, kept in ((wide.add(half, Decimal("1e-40")), 13 * UNIT), (half, 12 * UNIT)):
        eth_per_usd = wide.divide(Decimal(1), wide.multiply(rate, rate))
        assert read_costs(one_for_one, None, eth_per_usd).market_usdt_per_eth == kept


def test_a_market_that_is_no_number_is_not_known() -> None:
    """What rounds to nothing, and what no market has."""
    one_for_one = Estimate(Decimal(2), Decimal(0), Decimal(1), Decimal(1))
    for eth_per_usd in (Decimal("1e17"), Decimal(-1), Decimal("1e-30")):
        assert read_costs(one_for_one, None, eth_per_usd).market_usdt_per_eth is None
