"""A check that was cut short anywhere: the next one goes on from what is on record, by the same path."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from grpc import StatusCode

from sandbox.wire import faults
from shared.flow.batch.ordering import ORDER_REPEATABLE_FOR
from shared.model.exchange import Estimate
from shared.model.reasons import Reason
from tests.rig import QUEUE, Rig

CREATE = "POST /exchange"


@pytest.fixture
def paid(rig: Rig) -> Iterator[Rig]:
    """A database in which $25 wait."""
    rig.pay("10.00", "15.00")
    yield rig
    assert_nothing_lost(rig)


def assert_nothing_lost(rig: Rig) -> None:
    """Every payment is in exactly one place, and no batch has two orders."""
    for row in rig.payments():
        claimed = row["batch_conversion_id"] is not None
        assert claimed == (row["conversion_status"] in {"swapping", "completed"})
    orders = [order.batch_conversion_id for order in rig.orders()]
    assert len(orders) == len(set(orders))
    for batch in rig.batches():
        mine = [row for row in rig.payments() if row["batch_conversion_id"] == batch["batch_conversion_id"]]
        if batch["conversion_status"] != "failed":
            assert sum(row["accumulated_eth"] for row in mine) == batch["total_eth_usd"]


@pytest.mark.parametrize(
    "action",
    [
        faults.status(503),
        faults.status(500),
        faults.cut,
        faults.lose_answer,
        faults.body(b"<html>"),
        faults.body(b"{}"),
    ],
    ids=str,
)
def test_an_exchange_that_could_not_be_made_is_made_by_the_next_check(paid: Rig, action: faults.Action) -> None:
    """The payments stay claimed, no order goes out, and the next check makes a new exchange."""
    paid.peers.exchange.faults.add(method=CREATE, action=action, times=3)
    paid.check()
    paid.peers.exchange.faults.clear()
    (batch,) = paid.batches()
    assert (batch["conversion_status"], batch["cn_api_id"], paid.orders()) == ("pending", None, [])
    paid.check()
    (batch,) = paid.batches()
    assert batch["conversion_status"] == "swapping"
    assert [order.cn_api_id for order in paid.orders()] == [batch["cn_api_id"]]


def test_while_a_batch_cannot_be_resumed_no_other_is_opened(paid: Rig) -> None:
    """New payments wait until the batch left behind is on its way."""
    paid.peers.exchange.faults.add(method=CREATE, action=faults.cut, times=2)
    paid.check()
    paid.pay("40.00")
    assert paid.check().reason == Reason.EXCHANGE_UNAVAILABLE
    assert len(paid.batches()) == 1
    assert paid.checks()[-1]["pending_usd"] == 40
    paid.check()
    assert len(paid.batches()) == 2


def test_what_changenow_refuses_for_good_gives_the_payments_back(paid: Rig) -> None:
    """A refused exchange fails the batch, and its payments wait for the next."""
    refusal = faults.status(400, body='{"error": "not_valid_address", "message": "bad address"}')
    paid.peers.exchange.faults.add(method=CREATE, action=refusal)
    paid.check()
    assert [batch["conversion_status"] for batch in paid.batches()] == ["failed"]
    assert {row["conversion_status"] for row in paid.payments()} == {"pending"}
    paid.check()
    assert [batch["conversion_status"] for batch in paid.batches()] == ["failed", "swapping"]


def lose_the_order(rig: Rig, attempts: int) -> None:
    """Let Cloud Tasks take the order at the first attempt, and lose every answer of so many."""
    rig.peers.tasks.faults.add(method="CreateTask", action=faults.lose_answer)
    silence = faults.refuse(StatusCode.UNAVAILABLE)
    if attempts > 1:
        rig.peers.tasks.faults.add(method="CreateTask", action=silence, times=attempts - 1)


@pytest.mark.parametrize("times", [1, 3])
def test_an_order_whose_answer_was_lost_is_sent_once(paid: Rig, times: int) -> None:
    """Lost once, the same name settles it at once; lost every time, the next check does."""
    lose_the_order(paid, times)
    paid.check()
    (batch,) = paid.batches()
    assert (batch["task_enqueued_at"] is not None) == (times == 1)
    assert batch["order_prepared_at"] is not None
    paid.clock.forward(minutes=15)
    paid.check()
    assert paid.batches()[0]["task_enqueued_at"] is not None
    assert len(paid.orders()) == 1


@pytest.mark.parametrize("code", [StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.INTERNAL])
def test_an_order_that_never_arrived_is_sent_by_the_next_check(paid: Rig, code: StatusCode) -> None:
    """Cloud Tasks was down: the batch is resumed under the same name, with a token of its own age."""
    paid.peers.tasks.faults.add(method="CreateTask", action=faults.refuse(code), times=3)
    paid.check()
    assert not paid.orders()
    paid.clock.forward(minutes=15)
    paid.check()
    (order,) = paid.orders()
    assert order.timestamp == int(paid.clock().timestamp())


def test_a_refused_order_leaves_no_doubt(paid: Rig) -> None:
    """No right to enqueue: surely no task, so that the order may go out whenever the right is there."""
    paid.peers.tasks.faults.add(method="CreateTask", action=faults.refuse(StatusCode.PERMISSION_DENIED))
    paid.check()
    assert paid.batches()[0]["order_prepared_at"] is None
    paid.clock.forward(days=2)
    paid.check()
    assert len(paid.orders()) == 1


def test_an_order_in_doubt_is_never_sent_again(paid: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Once its name may be free again, only ChangeNow can tell; a person is told past the stuck time."""
    lose_the_order(paid, 3)
    paid.check()
    paid.peers.tasks.forget_names(QUEUE)
    paid.clock.now += ORDER_REPEATABLE_FOR + timedelta(hours=1)
    paid.check()
    assert len(paid.orders()) == 1
    assert any("stuck" in message for message in caplog.messages)
    paid.pay_out(paid.batches()[0], "24.50")
    paid.clock.forward(hours=2)
    paid.check()
    assert paid.batches()[0]["conversion_status"] == "completed"


def test_an_order_in_doubt_does_not_hold_up_the_others(paid: Rig) -> None:
    """New payments get a batch of their own beside it."""
    lose_the_order(paid, 3)
    paid.check()
    paid.clock.forward(hours=2)
    paid.pay("30.00")
    assert paid.check().reason == Reason.THRESHOLD_REACHED


def test_an_exchange_that_expired_before_its_order_is_not_paid(paid: Rig) -> None:
    """The order never went out; the exchange is gone; the payments go into a new batch in the same check."""
    paid.peers.tasks.faults.add(method="CreateTask", action=faults.refuse(StatusCode.NOT_FOUND))
    paid.check()
    paid.peers.exchange.expire(paid.batches()[0]["cn_api_id"])
    paid.clock.forward(hours=12)
    paid.check()
    assert [batch["conversion_status"] for batch in paid.batches()] == ["failed", "swapping"]
    assert [order.cn_api_id for order in paid.orders()] == [paid.batches()[1]["cn_api_id"]]


def test_a_price_that_moved_is_not_ordered(paid: Rig) -> None:
    """An exchange left behind is quoted anew before anybody is told to pay it."""
    paid.peers.tasks.faults.add(method="CreateTask", action=faults.refuse(StatusCode.NOT_FOUND))
    paid.check()
    paid.peers.exchange.market.eth_price_usd = Decimal(1500)
    paid.clock.forward(minutes=45)
    paid.check()
    assert paid.batches()[0]["failure_reason"] == "quote_refused"
    (order,) = paid.orders()
    assert order.from_amount > Decimal("0.016")


def test_an_old_exchange_is_not_ordered(paid: Rig) -> None:
    """An exchange may expire at any time: after an hour without an order the payments get a new one."""
    paid.peers.tasks.faults.add(method="CreateTask", action=faults.refuse(StatusCode.PERMISSION_DENIED), times=5)
    for _ in range(5):
        paid.check()
        paid.clock.forward(minutes=14)
    paid.check()
    first, second = paid.batches()
    assert (first["conversion_status"], first["failure_reason"]) == ("failed", "exchange_too_old")
    assert [order.cn_api_id for order in paid.orders()] == [second["cn_api_id"]]


def test_an_exchange_that_changenow_no_longer_quotes_is_not_ordered(paid: Rig) -> None:
    """The minimum rose above the amount before the order went out: the payments wait for more."""
    paid.peers.tasks.faults.add(method="CreateTask", action=faults.refuse(StatusCode.NOT_FOUND))
    paid.check()
    paid.peers.exchange.market.min_eth = Decimal(1)
    paid.clock.forward(minutes=15)
    assert paid.check().reason == Reason.BELOW_EXCHANGE_MINIMUM
    assert paid.batches()[0]["conversion_status"] == "failed"
    assert {row["conversion_status"] for row in paid.payments()} == {"pending"}


def test_a_range_that_changenow_refuses_ends_a_batch_without_exchange(paid: Rig) -> None:
    """A batch to be quoted anew is released, as one that would be new is not opened: the payments wait."""
    paid.peers.exchange.faults.add(method=CREATE, action=faults.status(503), times=3)
    paid.check()
    paid.clock.forward(hours=1)
    paid.peers.exchange.faults.clear()
    refusal = b'{"error": "pair_is_inactive", "message": "the pair is inactive"}'
    paid.peers.exchange.faults.add(method="GET /exchange/range", action=faults.status(400, body=refusal), times=2)
    assert paid.check().reason == Reason.EXCHANGE_REFUSED
    (batch,) = paid.batches()
    assert (batch["conversion_status"], batch["failure_reason"]) == ("failed", "exchange_refused")
    assert {row["conversion_status"] for row in paid.payments()} == {"pending"}
    assert paid.check().reason == Reason.THRESHOLD_REACHED


@pytest.mark.parametrize(("price", "quoted_at"), [("2000", "1000"), ("1000", "2000")])
def test_a_quote_beyond_the_tolerance_is_never_claimed(paid: Rig, price: str, quoted_at: str) -> None:
    """Too little and too much are both refused: dollars taken as another price's ETH."""
    market = paid.peers.exchange.market
    market.eth_price_usd = Decimal(price)
    original = paid.check_dependencies.exchange.estimate_eth

    def estimate_at_another_price(amount_usd: Decimal) -> Estimate:
        market.eth_price_usd = Decimal(quoted_at)
        try:
            return original(amount_usd)
        finally:
            market.eth_price_usd = Decimal(price)

    paid.check_dependencies.exchange.estimate_eth = estimate_at_another_price  # type: ignore[method-assign]
    assert paid.check().reason == Reason.QUOTE_REFUSED
    assert not paid.batches()
    assert paid.checks()[0]["reason"] == "quote_refused"


def test_nothing_is_claimed_while_changenow_is_silent(paid: Rig) -> None:
    """No quote, no batch; the next check is as good."""
    paid.peers.exchange.faults.add(method="GET /exchange/range", action=faults.cut, times=9)
    assert paid.check().reason == Reason.EXCHANGE_UNAVAILABLE
    assert not paid.batches()
    paid.peers.exchange.faults.clear()
    assert paid.check().reason == Reason.THRESHOLD_REACHED


def test_below_the_exchanges_minimum_waits(paid: Rig) -> None:
    """A sum that ChangeNow does not take stays pending, and the row says so."""
    paid.peers.exchange.market.min_eth = Decimal(1)
    assert paid.check().reason == Reason.BELOW_EXCHANGE_MINIMUM
    assert paid.checks()[0]["reason"] == "below_exchange_minimum"
    assert not paid.batches()


def test_a_callback_before_the_order_is_on_record(rig: Rig) -> None:
    """GCHostPay1 may be faster than our own record of the order."""
    rig.pay("30.00")
    original = rig.check_dependencies.orders.enqueue_gchostpay1_batch_execution

    def enqueue_and_be_called_back(batch_id: Any, token: str) -> bool:
        sent = original(batch_id, token)
        (batch,) = rig.batches()
        rig.pay_out(batch, "29.50")
        rig.call_back(rig.response(batch, "29.50"))
        return sent

    rig.check_dependencies.orders.enqueue_gchostpay1_batch_execution = enqueue_and_be_called_back  # type: ignore[method-assign,assignment]
    rig.check()
    (batch,) = rig.batches()
    assert (batch["conversion_status"], batch["task_enqueued_at"] is not None) == ("completed", True)
