"""The fence's document: what is written is read back, anything else is none, and it only moves up."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.errors import FenceLost
from shared.model.fence import DOCUMENT_BYTES_MAX, ORDERS_MAX, Fence, FencedOrder, parse_fence, parse_ranges


def order(number: int, **odd: Any) -> FencedOrder:
    """An order of a batch of its own."""
    made = FencedOrder(
        number=number,
        batch_conversion_id=uuid.UUID(int=number),
        prepared_at=datetime(2026, 11, 24, 8, 30, 1, 5, tzinfo=UTC),
        opened_at=datetime(2026, 11, 24, 8, 30, tzinfo=UTC),
        reason="threshold_reached",
        threshold_usd=Decimal("20.00"),
        total_usd=Decimal("42.00000001"),
        payments=3,
        payment_ids="7-8,12",
        amount_eth=Decimal("0.00000001"),
        quoted_usdt=None,
        cn_api_id="c3f2a1b0d9e8f7",
        payin_address="0x" + "1" * 40,
    )
    return replace(made, **odd)


def written(fence: Fence) -> bytes:
    """The document as it is stored."""
    return json.dumps(fence.document).encode()


def test_what_is_written_is_read_back() -> None:
    """To the last digit."""
    fence = Fence().with_order(order(1)).with_order(order(2, payment_ids=None, quoted_usdt=Decimal("41.9")))
    assert parse_fence(written(fence)) == fence
    assert parse_fence(written(Fence())) == Fence()
    assert "1E-8" not in str(fence.document)


def test_the_last_orders_are_kept_and_the_document_says_from_where() -> None:
    """The oldest make room; the largest document stays below what is read."""
    longest = ",".join(f"{first}-{first + 1}" for first in range(2_000_000_000, 2_000_000_150, 3))
    fence = Fence(4, uuid.UUID(int=4), complete_after=4)
    for number in range(5, ORDERS_MAX + 15):
        fence = fence.with_order(order(number, payment_ids=longest))
    assert (len(fence.orders), fence.complete_after, fence.orders[0].number) == (ORDERS_MAX, 14, 15)
    assert len(written(fence)) < DOCUMENT_BYTES_MAX
    assert parse_fence(written(fence)) == fence


def test_a_batch_ordered_again_stands_once() -> None:
    """An intent made anew has the place of the one before it."""
    again = replace(order(1), number=3)
    fence = Fence().with_order(order(1)).with_order(order(2)).with_order(again)
    assert [listed.number for listed in fence.orders] == [2, 3]
    assert (fence.number, fence.batch_conversion_id) == (3, again.batch_conversion_id)


def test_an_older_order_takes_its_place() -> None:
    """The newest stays the newest; what is older than the list goes back to is told of already."""
    fence = Fence(1, uuid.UUID(int=1), complete_after=1).with_order(order(3))
    assert [fence.tells_of(order(number)) for number in (1, 2, 3, 4)] == [True, False, True, False]
    told = fence.with_order(order(2))
    assert [listed.number for listed in told.orders] == [2, 3]
    assert (told.number, told.batch_conversion_id) == (3, uuid.UUID(int=3))
    assert parse_fence(written(told)) == told


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("format", "micro-batch fence 2"),
        ("number", 3),
        ("number", True),
        ("number", "2"),
        ("number", 1e3),
        ("batch_conversion_id", None),
        ("batch_conversion_id", "43"),
        ("complete_after", -1),
        ("orders", {}),
        ("orders", [{}]),
    ],
)
def test_any_other_document_is_none(name: str, odd: Any) -> None:
    """Nothing is guessed."""
    document = Fence().with_order(order(1)).with_order(order(2)).document
    with pytest.raises(FenceLost):
        parse_fence(json.dumps(document | {name: odd}).encode())


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("prepared_at", "2026-11-24T08:30:00"),
        ("total_usd", 42.5),
        ("total_usd", "NaN"),
        ("payment_ids", "12,7"),
        ("cn_api_id", "a\nb"),
        ("payin_address", None),
    ],
)
def test_an_order_with_an_odd_fact_is_none(name: str, odd: Any) -> None:
    """A batch is entered from these facts again."""
    document = Fence().with_order(order(1)).document
    document["orders"][0][name] = odd
    with pytest.raises(FenceLost):
        parse_fence(json.dumps(document).encode())


def test_ranges_of_ids() -> None:
    """One id, two with a hyphen, upwards; whatever else is refused."""
    assert [list(ids) for ids in parse_ranges("7-9,12")] == [[7, 8, 9], [12]]
    for wrong in ("", "7,", "9-7", "7,7", "7-9,8", "0", "-3", "7;8", "1e3", "1--2"):
        with pytest.raises(ValueError, match="id"):
            list(parse_ranges(wrong))
