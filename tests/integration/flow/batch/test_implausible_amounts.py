"""An amount or a deposit that cannot be right is not distributed until an operator has accepted that very amount."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from shared.errors import BatchConflict
from shared.model.exchange import ExchangeState
from tests.rig import Rig


@pytest.fixture
def batch(rig: Rig) -> dict[str, Any]:
    """A batch of $1000 whose order is out."""
    rig.pay("400.00", "600.00")
    rig.check()
    return rig.batches()[0]


def accept(rig: Rig, amount_usdt: str) -> None:
    """Accept an amount as the operators' command does."""
    rig.sql("UPDATE batch_conversions SET accepted_usdt = CAST(%s AS numeric), amount_accepted_at = NOW()", amount_usdt)


@pytest.mark.parametrize("by", ["callback", "reconciliation"])
def test_half_the_worth_is_on_record_and_not_distributed(rig: Rig, batch: dict[str, Any], by: str) -> None:
    """Whoever sees it; the amount and its time are kept for the operator."""
    rig.pay_out(batch, "505.00")
    settle(rig, batch, "505.00", by)
    row = rig.batches()[0]
    assert (row["conversion_status"], row["refused_usdt"]) == ("swapping", Decimal("505.00"))
    assert row["refused_at"] == rig.clock().replace(tzinfo=None)


@pytest.mark.parametrize("by", ["callback", "reconciliation"])
def test_the_accepted_amount_and_no_other_is_distributed(rig: Rig, batch: dict[str, Any], by: str) -> None:
    """An operator who has looked at 505 has not looked at 400."""
    rig.pay_out(batch, "505.00")
    accept(rig, "400.00")
    settle(rig, batch, "505.00", by)
    assert rig.batches()[0]["conversion_status"] == "swapping"
    accept(rig, "505.00")
    rig.clock.forward(hours=1)
    settle(rig, batch, "505.00", by)
    assert rig.batches()[0]["conversion_status"] == "completed"


def test_an_amount_accepted_while_a_check_asks_is_distributed_by_the_next(rig: Rig, batch: dict[str, Any]) -> None:
    """That check refuses by what it read before, and puts the next question off for nothing."""
    rig.pay_out(batch, "505.00")
    rig.clock.forward(hours=2)
    ask = rig.check_dependencies.exchange.get_exchange

    def ask_and_accept(cn_api_id: str) -> ExchangeState:
        accept(rig, "505.00")
        return ask(cn_api_id)

    rig.check_dependencies.exchange.get_exchange = ask_and_accept  # type: ignore[method-assign]
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "swapping"
    rig.clock.forward(minutes=1)
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "completed"


@pytest.mark.parametrize("by", ["callback", "reconciliation"])
def test_a_deposit_of_another_size_is_refused(rig: Rig, batch: dict[str, Any], by: str) -> None:
    """ChangeNow swapped 3 % more ETH than was ordered: whose was it?"""
    exchange = rig.peers.exchange.exchange(batch["cn_api_id"])
    rig.peers.exchange.deposit(
        exchange.payin_address, exchange.expected_amount_from * Decimal("1.03"), "0x" + "cd" * 32
    )
    rig.peers.exchange.finish(exchange.id, Decimal("995.00"))
    settle(rig, batch, "995.00", by)
    row = rig.batches()[0]
    assert (row["conversion_status"], row["refused_usdt"]) == ("swapping", Decimal("995.00"))
    assert row["deposit_eth"] > row["amount_eth"]
    accept(rig, "995.00")
    rig.clock.forward(hours=1)
    settle(rig, batch, "995.00", by)
    assert rig.batches()[0]["conversion_status"] == "completed"


def settle(rig: Rig, batch: dict[str, Any], amount_usdt: str, by: str) -> None:
    """Let the callback come, or the check that does without it."""
    if by == "reconciliation":
        rig.clock.forward(minutes=21)
        rig.check()
        return
    with suppress(BatchConflict):
        rig.call_back(rig.response(batch, amount_usdt))
