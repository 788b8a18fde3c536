"""An order leaves once its exchange waits for the deposit, and is on record whoever notices it first."""

import uuid
from decimal import Decimal

import grpc
import pytest

from sandbox.wire import faults
from shared.errors import OrderRefused, OrderUnknown
from tests.rig import Rig

BY_ID = "GET /exchange/by-id"
NEW = faults.body(b'{"status": "new", "amountTo": null}')


def test_an_exchange_that_is_not_ready_is_asked_about_for_a_few_seconds(rig: Rig) -> None:
    """GCHostPay1 refuses a new one for good."""
    rig.peers.exchange.faults.add(method=BY_ID, action=NEW, times=3)
    rig.pay("25.00")
    rig.check()
    assert len(rig.orders()) == 1


def test_one_that_takes_longer_is_left_to_the_next_check_and_stops_nothing(rig: Rig) -> None:
    """Nothing is ordered too early, new batches are opened beside it, and it is ordered as soon as it is ready."""
    rig.peers.exchange.faults.add(method=BY_ID, action=NEW, times=5)
    rig.pay("25.00")
    rig.check()
    assert rig.orders() == []
    assert rig.batches()[0]["order_prepared_at"] is None
    rig.peers.exchange.faults.add(method=BY_ID, action=NEW, times=5)
    rig.pay("30.00")
    assert rig.check().opened
    assert len(rig.orders()) == 1
    rig.check()
    assert len(rig.orders()) == 2


@pytest.mark.parametrize("code", [grpc.StatusCode.CANCELLED, grpc.StatusCode.ABORTED])
def test_an_answer_that_says_nothing_about_the_task_is_unknown(rig: Rig, code: grpc.StatusCode) -> None:
    """The task may be there: it is asked for again under the same name, and never forgotten."""
    orders = rig.check_dependencies.orders
    rig.peers.tasks.faults.add("CreateTask", faults.refuse(code), times=5)
    with pytest.raises(OrderUnknown):
        orders.enqueue_gchostpay1_batch_execution(uuid.uuid4(), "token")
    rig.peers.tasks.faults.clear()
    rig.peers.tasks.faults.add("CreateTask", faults.refuse(grpc.StatusCode.INVALID_ARGUMENT))
    with pytest.raises(OrderRefused):
        orders.enqueue_gchostpay1_batch_execution(uuid.uuid4(), "token")


def test_a_callback_that_overtakes_the_checks_record_loses_no_event(rig: Rig) -> None:
    """The check dies after Cloud Tasks took the order; the callback comes first, and tells of both."""
    rig.peers.tasks.faults.add("CreateTask", faults.lose_answer)
    rig.peers.tasks.faults.add("CreateTask", faults.refuse(grpc.StatusCode.UNAVAILABLE), times=5)
    rig.pay("25.00")
    rig.check()
    (batch,) = rig.batches()
    assert batch["task_enqueued_at"] is None
    rig.pay_out(batch, "24.80")
    rig.call_back(rig.response(batch, "24.80"))
    assert rig.events() == ["batch.created", "batch.completed"]
    assert rig.batches()[0]["task_enqueued_at"] is not None


def insert_old_batch(rig: Rig, *, status: str, received_usdt: str | None = None) -> dict[str, str]:
    """Insert a batch as the old service left it; returns its ids."""
    exchange = rig.peers.exchange.open_exchange(
        rig.peers.exchange.exchange(rig.batches()[0]["cn_api_id"]).pair, Decimal("0.01"), "0x" + "1" * 40, None
    )
    batch_id = str(uuid.uuid4())
    rig.sql(
        "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, cn_api_id,"
        " payin_address, conversion_status, actual_usdt_received, created_at)"
        " VALUES (%s, 20, 20, %s, %s, %s, CAST(%s AS numeric), %s)",
        batch_id,
        exchange.id,
        exchange.payin_address,
        status,
        received_usdt,
        rig.clock().replace(tzinfo=None),
    )
    return {"batch_conversion_id": batch_id, "cn_api_id": exchange.id}


@pytest.mark.parametrize("received_usdt", ["19.80", None])
def test_a_late_callback_for_what_the_old_service_completed_is_answered_well(
    rig: Rig, received_usdt: str | None
) -> None:
    """The same facts: 200 and nothing changed, also where it put no amount on record."""
    rig.open_batches("25.00")
    old = insert_old_batch(rig, status="completed", received_usdt=received_usdt)
    rig.peers.exchange.finish(old["cn_api_id"], Decimal("19.80"))
    before = rig.batches()
    done = rig.call_back(rig.response(old, "19.80"))
    assert (done.records_updated, done.received_usdt) == (0, Decimal("19.80"))
    assert rig.batches() == before


def test_a_batch_that_the_old_service_ordered_is_never_ordered_again(rig: Rig) -> None:
    """It counts as ordered when it began, and is given back by ChangeNow's word."""
    rig.open_batches("25.00")
    old = insert_old_batch(rig, status="swapping")
    for _ in range(3):
        rig.clock.forward(minutes=15)
        rig.check()
    assert len(rig.orders()) == 1
    rig.peers.exchange.expire(old["cn_api_id"])
    rig.clock.forward(hours=2)
    rig.check()
    row = next(row for row in rig.batches() if str(row["batch_conversion_id"]) == old["batch_conversion_id"])
    assert row["conversion_status"] == "failed"
