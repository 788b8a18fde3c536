"""Amounts are read, written and split without losing a digit."""

import struct
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ValueImpossible
from shared.model.money import (
    allocate,
    decimal_from_double,
    distribute_usdt_proportionally,
    dollars,
    from_units,
    pack_double,
    parse_amount,
    plain,
    round_down,
    to_units,
)

weights = st.lists(st.integers(min_value=1, max_value=10**20), min_size=1, max_size=60)


def test_the_documents_example() -> None:
    """10, 15 and 25 dollars share 48.50 USDT as 9.70, 14.55 and 24.25."""
    records = [{"id": 1, "accumulated_eth": Decimal("10.00")}]
    records += [{"id": 2, "accumulated_eth": Decimal("15.00")}, {"id": 3, "accumulated_eth": Decimal("25.00")}]
    distributed = distribute_usdt_proportionally(records, Decimal("48.50"))
    assert [row["usdt_share"] for row in distributed] == [Decimal("9.70"), Decimal("14.55"), Decimal("24.25")]
    assert [row["percentage"] for row in distributed] == [20, 30, 50]
    assert [row["id"] for row in distributed] == [1, 2, 3]


def test_no_records_no_shares() -> None:
    """Nothing to split over is an empty list."""
    assert distribute_usdt_proportionally([], Decimal("48.50")) == []


def test_a_single_record_gets_everything() -> None:
    """All of the amount goes to the only payment."""
    (row,) = distribute_usdt_proportionally([{"id": 9, "accumulated_eth": "0.01"}], Decimal("48.12345678"))
    assert row == {"id": 9, "usdt_share": Decimal("48.12345678"), "percentage": 100}


@given(st.integers(min_value=0, max_value=10**20), weights)
def test_a_split_loses_nothing_and_no_share_strays_a_unit(total: int, parts: list[int]) -> None:
    """Shares sum to the total, none is negative, each is within one unit of its exact value."""
    shares = allocate(total, parts)
    assert sum(shares) == total
    assert min(shares) >= 0
    whole = sum(parts)
    assert all(abs(Fraction(total * part, whole) - share) < 1 for part, share in zip(parts, shares, strict=True))


@given(st.integers(min_value=0, max_value=10**12), weights, st.randoms())
def test_shares_do_not_depend_on_the_order_of_rows(total: int, parts: list[int], random: object) -> None:
    """Whichever way rows come back, a payment gets the same share."""
    records = [{"id": index, "accumulated_eth": from_units(part)} for index, part in enumerate(parts)]
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    amount = from_units(total)
    expected = {row["id"]: row["usdt_share"] for row in distribute_usdt_proportionally(records, amount)}
    assert {row["id"]: row["usdt_share"] for row in distribute_usdt_proportionally(shuffled, amount)} == expected


def test_ties_go_to_the_older_payment() -> None:
    """Equal remainders: the units left over go to the oldest, by created_at and then id."""
    records = [
        {"id": 3, "created_at": 1, "accumulated_eth": 5},
        {"id": 1, "created_at": 2, "accumulated_eth": 5},
        {"id": 2, "created_at": 2, "accumulated_eth": 5},
    ]
    shares = {row["id"]: row["usdt_share"] for row in distribute_usdt_proportionally(records, Decimal("0.00000002"))}
    assert shares == {3: Decimal("1e-8"), 1: Decimal("1e-8"), 2: 0}


def test_the_residue_does_not_grow_with_the_records() -> None:
    """A thousand thirds: no payment carries the rounding of all the others."""
    shares = allocate(10**8 + 1, [1] * 1000)
    assert set(shares) == {100000, 100001}


@pytest.mark.parametrize("weight", [[], [0, 0], [-1, 2]])
def test_a_split_without_weight_is_refused(weight: list[int]) -> None:
    """No weight above zero means nobody to give it to."""
    with pytest.raises(ValueImpossible):
        allocate(1, weight)


@given(st.decimals(min_value=0, max_value=10**7, places=8))
def test_a_double_carries_eight_decimals_there_and_back(amount: Decimal) -> None:
    """What is packed is what the peer reads."""
    (value,) = struct.unpack(">d", pack_double(amount))
    assert decimal_from_double(value) == amount


def test_a_double_that_would_lose_digits_is_refused() -> None:
    """Nineteen digits do not fit."""
    with pytest.raises(ValueImpossible):
        pack_double(Decimal("12345678901.12345678"))


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "abc", "NaN", "Infinity", "-inf", "0x10", "1_000", "\u0661", "1,5", "$20"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    """Only ASCII digits, a point and an exponent make an amount."""
    with pytest.raises(ValueImpossible):
        parse_amount(text)


def test_amounts_are_written_plainly() -> None:
    """No exponent ever; two places for a reader, more only where there are more."""
    assert plain(Decimal("1E-8")) == "0.00000001"
    assert plain(parse_amount("1e3")) == "1000"
    assert (dollars(Decimal(15)), dollars(Decimal("14.99999999"))) == ("$15.00", "$14.99999999")
    assert dollars(Decimal("25.50000000")) == "$25.50"


def test_amounts_are_cut_never_rounded_up() -> None:
    """Towards zero, at the scale that is named."""
    assert round_down(Decimal("0.019999999999")) == Decimal("0.01999999")


def test_units_are_exact() -> None:
    """Counting in units refuses to drop a digit."""
    assert to_units(Decimal("48.5")) == 4_850_000_000
    for amount in ("0.000000001", "NaN"):
        with pytest.raises(ValueImpossible):
            to_units(Decimal(amount))
