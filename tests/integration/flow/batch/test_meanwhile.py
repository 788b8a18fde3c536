"""What somebody else does to a batch between two steps of ours: the later step sees it, and leaves it as it is."""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from grpc import StatusCode

from sandbox.wire import faults
from shared.errors import BatchConflict, ExchangeUnfinished
from shared.flow.context import OPENING_FOR
from shared.model.exchange import Exchange, ExchangeState
from shared.model.reasons import Reason
from tests.rig import Rig

BY_ID, CREATE = "GET /exchange/by-id", "POST /exchange"
ESTIMATE, RANGE = "GET /exchange/estimated-amount", "GET /exchange/range"
LONG = OPENING_FOR + timedelta(seconds=1)


def meanwhile(rig: Rig, call: str, act: Callable[[], Any]) -> None:
    """Do something while ChangeNow is asked for the first time in this way."""
    left = iter((act,))

    def where(_: object) -> bool:
        for first in left:
            first()
        return False

    rig.peers.exchange.faults.add(call, faults.delay(0), times=None, where=where)


def once_asked(exchange: Exchange, act: Callable[[], Any]) -> None:
    """Do something that asks ChangeNow as well, once the first question about an exchange has its answer."""
    ask, left = exchange.get_exchange, iter((act,))

    def get_exchange(cn_api_id: str) -> ExchangeState:
        state = ask(cn_api_id)
        for first in left:
            first()
        return state

    exchange.get_exchange = get_exchange  # type: ignore[method-assign]


def give_up(rig: Rig) -> None:
    """End the newest batch, as an operator's release does."""
    rig.sql("BEGIN")
    rig.sql("UPDATE batch_conversions SET conversion_status = 'failed', failure_reason = 'operator'")
    rig.sql("UPDATE payout_accumulation SET conversion_status = 'pending', batch_conversion_id = NULL")
    rig.sql("COMMIT")


def open_unordered(rig: Rig) -> None:
    """Open a batch whose order Cloud Tasks refuses; nothing else is opened from then on."""
    rig.peers.tasks.faults.add("CreateTask", faults.refuse(StatusCode.PERMISSION_DENIED))
    rig.pay("25.00")
    rig.check()
    rig.set_threshold("1000")


def test_given_up_while_its_exchange_is_made(rig: Rig) -> None:
    """The exchange is nobody's, and nothing is ordered."""
    rig.pay("25.00")
    meanwhile(rig, CREATE, lambda: give_up(rig))
    rig.check()
    (batch,) = rig.batches()
    assert (batch["conversion_status"], batch["cn_api_id"], rig.orders()) == ("failed", None, [])


def test_given_up_while_its_exchange_is_asked_about(rig: Rig) -> None:
    """The intent finds no batch, and no order leaves."""
    rig.pay("25.00")
    meanwhile(rig, BY_ID, lambda: give_up(rig))
    rig.check()
    (batch,) = rig.batches()
    assert (batch["conversion_status"], batch["order_prepared_at"], rig.orders()) == ("failed", None, [])


def test_given_up_while_it_is_quoted_anew(rig: Rig) -> None:
    """Its quote stays, and no order leaves."""
    open_unordered(rig)
    rig.clock.forward(minutes=15)
    meanwhile(rig, ESTIMATE, lambda: give_up(rig))
    rig.check()
    assert rig.orders() == []


def test_prepared_by_an_operator_while_it_is_quoted_anew(rig: Rig) -> None:
    """The amount that may be out is not written over; the order of the same name is sent."""
    open_unordered(rig)
    before = rig.batches()[0]
    rig.clock.forward(minutes=15)
    rig.peers.exchange.market.eth_price_usd = Decimal(3100)
    at = rig.clock().replace(tzinfo=None)
    meanwhile(rig, ESTIMATE, lambda: rig.sql("UPDATE batch_conversions SET order_prepared_at = %s", at))
    rig.check()
    (batch,) = rig.batches()
    assert (batch["quoted_at"], batch["quoted_usdt"]) == (before["quoted_at"], before["quoted_usdt"])
    assert [order.from_amount for order in rig.orders()] == [before["amount_eth"]]


def test_two_exchanges_made_by_one_check_are_two_batches(rig: Rig) -> None:
    """Each is stored with its own, whatever else is pending."""
    rig.peers.exchange.faults.add(CREATE, faults.status(500), times=None)
    rig.set_policy('{"max_batch_usd": 25}')
    for _ in range(2):
        rig.pay("25.00")
        rig.check(forced=True)
        rig.sql("UPDATE batch_conversions SET reconcile_after = NULL")
    rig.peers.exchange.faults.clear()
    rig.check()
    assert {batch["cn_api_id"] for batch in rig.batches()} == {order.cn_api_id for order in rig.orders()}
    assert len(rig.orders()) == len(rig.batches())


@pytest.fixture
def paid(rig: Rig) -> dict[str, Any]:
    """A batch that ChangeNow has paid out, and for which the callback could come."""
    (batch,) = rig.open_batches("25.00")
    rig.pay_out(batch, "24.50")
    rig.clock.forward(minutes=21)
    return batch


def test_a_callback_while_the_check_asks(rig: Rig, paid: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """It is the one that settles; the check says nothing of it."""
    once_asked(rig.check_dependencies.exchange, lambda: rig.call_back(rig.response(paid, "24.50")))
    rig.check()
    assert rig.batches()[0]["settled_by"] == "callback"
    assert rig.events() == ["batch.created", "batch.completed"]
    assert [getattr(record, "event", "") for record in caplog.records].count("distribution_mismatch") == 0


def test_a_check_while_the_callback_asks(rig: Rig, paid: dict[str, Any]) -> None:
    """It is the one that settles; the callback is a repeat."""
    once_asked(rig.callback_dependencies.exchange, rig.check)
    assert rig.call_back(rig.response(paid, "24.50")).records_updated == 0
    assert rig.batches()[0]["settled_by"] == "reconciliation"
    assert rig.events() == ["batch.created", "batch.completed"]


def test_given_up_while_the_callback_asks(rig: Rig, paid: dict[str, Any]) -> None:
    """What arrived is not split over payments that are elsewhere; the next callback puts it on record."""
    meanwhile(rig, BY_ID, lambda: give_up(rig))
    with pytest.raises(BatchConflict, match="the batch is failed"):
        rig.call_back(rig.response(paid, "24.50"))
    assert {row["conversion_status"] for row in rig.payments()} == {"pending"}
    with pytest.raises(BatchConflict, match="given up"):
        rig.call_back(rig.response(paid, "24.50"))
    assert rig.batches()[0]["late_usdt_received"] == Decimal("24.50")


def test_a_callback_for_a_batch_given_up_that_is_not_paid_out(rig: Rig) -> None:
    """Nothing is on record yet: it has to come again; once the exchange has failed it is refused."""
    (batch,) = rig.open_batches("25.00")
    give_up(rig)
    with pytest.raises(ExchangeUnfinished):
        rig.call_back(rig.response(batch, "24.50"))
    rig.peers.exchange.fail(batch["cn_api_id"])
    with pytest.raises(BatchConflict, match="no USDT was paid out"):
        rig.call_back(rig.response(batch, "24.50"))


def test_a_callback_about_an_exchange_that_changenow_does_not_know(rig: Rig, paid: dict[str, Any]) -> None:
    """It will not know it by tomorrow either: the callback need not come again."""
    rig.peers.exchange.faults.add(BY_ID, faults.status(404, body='{"error": "not_found"}'))
    with pytest.raises(BatchConflict, match="does not know the exchange"):
        rig.call_back(rig.response(paid, "24.50"))


@pytest.mark.parametrize(
    ("answer", "status", "is_out"),
    [
        ({"status": "exchanging"}, "swapping", True),
        ({"status": "waiting", "payinHash": "0xab"}, "swapping", True),
        ({"status": "failed", "amountFrom": 1}, "failed", True),
        ({"status": "waiting"}, "swapping", False),
        ({"status": "failed"}, "failed", False),
    ],
)
def test_a_deposit_tells_that_an_order_in_doubt_was_out(
    rig: Rig, answer: dict[str, Any], status: str, is_out: bool
) -> None:
    """From then on it is on record as taken, and told of; silence says nothing."""
    rig.peers.tasks.faults.add("CreateTask", faults.refuse(StatusCode.UNAVAILABLE), times=3)
    rig.pay("25.00")
    rig.check()
    rig.set_threshold("1000")
    rig.clock.forward(minutes=21)
    rig.peers.exchange.faults.add(BY_ID, faults.body(json.dumps(answer).encode()))
    rig.check()
    (batch,) = rig.batches()
    assert (batch["conversion_status"], batch["task_enqueued_at"] is not None) == (status, is_out)
    assert rig.events().count("batch.created") == is_out


@pytest.mark.parametrize("expected_eth", ["0.0084", None])
def test_a_batch_whose_ether_nobody_wrote_down(rig: Rig, expected_eth: str | None) -> None:
    """What its exchange expects is ordered, if it is worth it; where nobody knows that either, the batch is ended."""
    open_unordered(rig)
    rig.sql("ALTER TABLE batch_conversions DISABLE TRIGGER USER")
    rig.sql("UPDATE batch_conversions SET amount_eth = NULL")
    rig.sql("ALTER TABLE batch_conversions ENABLE TRIGGER USER")
    rig.clock.forward(minutes=15)
    answer = {"status": "waiting", "expectedAmountFrom": expected_eth}
    rig.peers.exchange.faults.add(BY_ID, faults.body(json.dumps(answer).encode()))
    rig.check()
    assert [str(order.from_amount) for order in rig.orders()] == ([expected_eth] if expected_eth else [])
    assert rig.batches()[0]["failure_reason"] == (None if expected_eth else "exchange_too_old")


# Quoted anew before an exchange could be made


def quote_anew(rig: Rig) -> None:
    """Let ChangeNow make no exchange at first, and quote the batch again when it does."""
    rig.peers.exchange.faults.add(CREATE, faults.status(500), times=None)
    rig.check()
    rig.peers.exchange.faults.clear()
    rig.clock.forward(minutes=15)
    rig.check()


def test_what_payments_brought_in_is_what_is_quoted_anew(rig: Rig) -> None:
    """To the last digit, and at the minimum of now."""
    rig.pay("15.00", "15.00", eth="0.005")
    rig.peers.exchange.market.min_eth = Decimal("0.001")
    quote_anew(rig)
    (batch,) = rig.batches()
    assert (batch["amount_eth"], batch["minimum_eth"], len(rig.orders())) == (Decimal("0.01"), Decimal("0.001"), 1)


def test_payments_that_know_no_ether_are_estimated_anew(rig: Rig) -> None:
    """Nothing, less than nothing and not known are one."""
    for eth in ("0", "-1", None):
        rig.pay("10.00", eth=eth)
    rig.peers.exchange.market.eth_price_usd = Decimal(3000)
    quote_anew(rig)
    asked = [request.query for request in rig.peers.exchange.requests if request.name == ESTIMATE]
    assert [query["fromAmount"] for query in asked if query["fromCurrency"] == "usdt"][-1] == "30.000000"
    assert len(rig.orders()) == 1


# Time that is over


def test_a_check_that_has_no_time_left_says_so(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """ChangeNow answered so slowly that nothing is opened; the next check opens."""
    rig.open_batches("25.00")
    rig.clock.forward(minutes=21)
    rig.pay("30.00")
    meanwhile(rig, BY_ID, lambda: rig.clock.forward(seconds=LONG.total_seconds()))
    assert rig.check().reason == Reason.EXCHANGE_UNAVAILABLE
    assert any("no time is left" in message for message in caplog.messages)
    assert (len(rig.batches()), rig.checks()[-1]["reason"]) == (1, "exchange_unavailable")
    assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_a_claim_is_not_tried_again_without_time(rig: Rig) -> None:
    """The payments moved, and the first quote took too long."""
    rig.pay("25.00")
    rig.sql(
        "CREATE FUNCTION skip_all() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN CASE WHEN NEW.accumulated_eth <> 25 THEN NEW END; END'"
    )
    rig.sql("CREATE TRIGGER skip_all BEFORE UPDATE ON payout_accumulation FOR EACH ROW EXECUTE FUNCTION skip_all()")
    before = len(rig.peers.exchange.requests)
    meanwhile(rig, RANGE, lambda: rig.clock.forward(seconds=LONG.total_seconds()))
    assert rig.check().reason == Reason.CLAIM_CONTENDED
    assert [each.name for each in rig.peers.exchange.requests[before:]].count(RANGE) == 1
