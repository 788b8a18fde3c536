"""The edges of amounts: lengths, signs, scales, and more digits than Python's decimals carry by themselves."""

from decimal import Decimal

import pytest

from shared.errors import ValueImpossible
from shared.model.money import (
    AMOUNT_MAX,
    PLACES,
    UNIT,
    allocate,
    decimal_from_double,
    distribute_usdt_proportionally,
    dollars,
    from_units,
    is_within,
    pack_double,
    parse_amount,
    round_down,
    to_units,
)

DIGITS_40 = "1234567890" * 4


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("+5", "5"),
        ("-5.25", "-5.25"),
        ("1E3", "1000"),
        ("1e-8", "0.00000001"),
        ("1e+100", "1e100"),
        (f"{DIGITS_40}.{DIGITS_40}", f"{DIGITS_40}.{DIGITS_40}"),
    ],
)
def test_what_is_a_number_is_read_digit_by_digit(text: str, amount: str) -> None:
    """Signs, exponents of either case, and forty digits on either side of the point."""
    assert parse_amount(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text", [f"{DIGITS_40}1", f"1.{DIGITS_40}1", "1e1000", ".5", "5.", "1e", "1.5.5", "--1", "+", "1e5x"]
)
def test_what_is_almost_a_number_is_refused(text: str) -> None:
    """One digit too many, or a part that is missing."""
    with pytest.raises(ValueImpossible, match="not a decimal number"):
        parse_amount(text)


def test_a_refusal_quotes_no_more_than_forty_characters() -> None:
    """A hostile amount does not fill the log."""
    with pytest.raises(ValueImpossible) as refused:
        parse_amount("x" * 1000)
    assert str(refused.value) == f"not a decimal number: {'x' * 40!r}"


def test_the_scale_is_the_columns() -> None:
    """NUMERIC(20, 8): a unit is its last place, the largest amount has twelve digits before the point."""
    assert (8, Decimal("1e-8"), Decimal(10) ** 12 - Decimal("1e-8")) == (PLACES, UNIT, AMOUNT_MAX)


def test_cutting_is_towards_zero_and_of_any_length() -> None:
    """Below zero as above it, at any scale, and of more digits than the default context holds."""
    assert round_down(Decimal("-0.019999999999")) == Decimal("-0.01999999")
    assert round_down(Decimal("1.2345678"), 6) == Decimal("1.234567")
    assert str(round_down(Decimal(5))) == "5.00000000"
    assert round_down(Decimal(f"{DIGITS_40}.123456789")) == Decimal(f"{DIGITS_40}.12345678")


@pytest.mark.parametrize("units", [1, -1, 10**40 + 1, 0])
def test_units_there_and_back(units: int) -> None:
    """Nothing is rounded, however large."""
    assert to_units(from_units(units)) == units
    assert from_units(units).as_tuple().exponent == -8


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_finite_has_no_units(amount: str) -> None:
    """And says so."""
    with pytest.raises(ValueImpossible, match="not a finite amount"):
        to_units(Decimal(amount))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_double_that_is_no_number_is_refused(value: float) -> None:
    """A peer may write anything into its eight bytes."""
    with pytest.raises(ValueImpossible):
        decimal_from_double(value)


def test_a_double_is_big_endian() -> None:
    """One and a half, as every machine of the peer's writes it."""
    assert pack_double(Decimal("1.5")) == b"\x3f\xf8\0\0\0\0\0\0"


def test_the_tolerance_is_of_the_expected_amount() -> None:
    """A quarter of 80 is 20 either way; of 100 and 75 only the nearer is within a quarter of the other."""
    assert is_within(Decimal(100), Decimal(80), Decimal(25))
    assert is_within(Decimal(60), Decimal(80), Decimal(25))
    assert not is_within(Decimal(80), Decimal(60), Decimal(25))
    assert is_within(Decimal(75), Decimal(100), Decimal(25))


def test_dollars_keep_the_zeros_that_count() -> None:
    """The fraction's zeros at its end go, those before them and the whole's stay."""
    assert dollars(Decimal("1000.05000")) == "$1000.05"
    assert dollars(Decimal("0.100")) == "$0.10"
    assert dollars(Decimal("100")) == "$100.00"


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, [-1, 2]), (1, [0]), (1, [])])
def test_what_cannot_be_split_is_refused(total: int, weights: list[int]) -> None:
    """Less than nothing, by weights below zero, or by none above it."""
    with pytest.raises(ValueImpossible, match="a split needs"):
        allocate(total, weights)


def test_a_weight_of_nothing_gets_nothing() -> None:
    """It may stand beside others, and nothing may be split."""
    assert allocate(5, [0, 1]) == [0, 5]
    assert allocate(0, [1, 1]) == [0, 0]


def test_the_largest_remainders_get_the_units_left_over() -> None:
    """10 by 2, 3 and 4 ninths: 2.2, 3.3 and 4.4; the one unit left goes to the last, whose remainder is the largest."""
    assert allocate(10, [2, 3, 4]) == [2, 3, 5]


def test_without_times_the_lower_id_is_the_older_payment() -> None:
    """Whatever the order of the rows."""
    records = [{"id": 2, "accumulated_eth": "1"}, {"id": 1, "accumulated_eth": "1"}]
    shares = distribute_usdt_proportionally(records, Decimal("0.00000003"))
    assert [(row["id"], row["usdt_share"]) for row in shares] == [(2, Decimal("1e-8")), (1, Decimal("2e-8"))]


def test_the_time_counts_before_the_id() -> None:
    """The older payment has the higher id."""
    records = [{"id": 1, "created_at": 2, "accumulated_eth": 1}, {"id": 2, "created_at": 1, "accumulated_eth": 1}]
    shares = distribute_usdt_proportionally(records, Decimal("0.00000003"))
    assert [row["usdt_share"] for row in shares] == [Decimal("1e-8"), Decimal("2e-8")]


def test_a_percentage_has_eighty_digits() -> None:
    """A third is not cut after twenty-eight."""
    records = [{"id": number, "accumulated_eth": "1"} for number in range(3)]
    (first, *_) = distribute_usdt_proportionally(records, Decimal(3))
    assert str(first["percentage"]) == "33." + "3" * 78
