"""What a check leaves on record, column by column, until a batch is ordered: no more, no less."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from grpc import StatusCode

from sandbox.wire import faults
from shared.flow.check_lock import CHECK_LOCK
from tests.integration.flow.batch.record.records import changes, events, facts, line, now, ours
from tests.rig import QUEUE, Rig


def test_a_batch_that_is_opened(rig: Rig) -> None:
    """All that is known of it, at the check's instant; of its payments only where they are; one event."""
    rig.pay("10.00", "15.00")
    before = rig.payments()
    rig.clock.forward(minutes=3)
    rig.check()
    (batch,) = ours(rig)
    exchange = rig.peers.exchange.exchange(batch["cn_api_id"])
    known = {name: value for name, value in batch.items() if value is not None}
    instants = ("created_at", "quoted_at", "processing_started_at", "order_prepared_at", "task_enqueued_at")
    costs = ("deposit_fee_eth", "withdrawal_fee_usdt", "minimum_eth", "market_usdt_per_eth")
    assert known == {
        "id": batch["id"],
        "batch_conversion_id": batch["batch_conversion_id"],
        "total_eth_usd": Decimal(25),
        "threshold_at_creation": Decimal(20),
        "opened_because": "threshold_reached",
        "payments_count": 2,
        "conversion_status": "swapping",
        "cn_api_id": exchange.id,
        "payin_address": exchange.payin_address,
        "amount_eth": exchange.expected_amount_from,
        "quoted_usdt": rig.peers.exchange.market.direct(exchange.pair, exchange.expected_amount_from),
        "order_number": 1,
        "questions_failed": 0,
        **dict.fromkeys(instants, now(rig)),
        **{name: batch[name] for name in costs},
    }
    moved = {"conversion_status": "swapping", "batch_conversion_id": batch["batch_conversion_id"]}
    assert changes(before, rig.payments()) == [moved | {"updated_at": now(rig)}] * 2
    assert events(rig) == [{"event": "batch.created", "occurred_at": rig.clock().isoformat(), **facts(batch)}]


def test_a_batch_is_opened_with_five_questions(rig: Rig) -> None:
    """The range, dollars in ETH, ETH in USDT, the exchange, and whether it is ready; and one order, by its name."""
    before = len(rig.peers.exchange.requests)
    rig.pay("10.00", "15.00")
    rig.check()
    (order,) = [task.name for task in rig.peers.tasks.created if str(ours(rig)[0]["batch_conversion_id"]) in task.name]
    assert order == f"{QUEUE}/tasks/batch-{ours(rig)[0]['batch_conversion_id']}"
    asked = [request.name.removeprefix("GET /exchange/") for request in rig.peers.exchange.requests[before:]]
    assert asked == ["range", "estimated-amount", "estimated-amount", "POST /exchange", "by-id"]


def test_an_order_that_is_taken_back(rig: Rig) -> None:
    """Its intent is off the record, and the batch waits for the next check with its exchange."""
    rig.peers.tasks.faults.add("CreateTask", faults.refuse(StatusCode.PERMISSION_DENIED))
    rig.pay("10.00", "15.00")
    rig.check()
    before = rig.batches()
    assert [ours(rig)[0][name] for name in ("order_prepared_at", "order_number", "task_enqueued_at")] == [None, 1, None]
    rig.clock.forward(minutes=5)
    rig.check()
    sent = {"order_prepared_at": now(rig), "task_enqueued_at": now(rig), "order_number": 2}
    assert changes(before, rig.batches()) == [sent]


def test_a_batch_that_is_quoted_anew(rig: Rig) -> None:
    """Amounts, time and costs are those of the new quote; its dollars and its beginning stay."""
    rig.peers.exchange.faults.add("POST /exchange", faults.status(500), times=None)
    rig.pay("10.00", "15.00")
    rig.check()
    before = rig.batches()
    rig.peers.exchange.market.eth_price_usd = Decimal(3100)
    rig.clock.forward(minutes=11)
    rig.check()
    (changed,) = changes(before, rig.batches())
    assert set(changed) == {"amount_eth", "quoted_usdt", "quoted_at", "market_usdt_per_eth"}
    assert changed["quoted_at"] == now(rig)


def test_a_check_that_opens(rig: Rig) -> None:
    """What waited, the levers in force, the decision, the batch and the fence."""
    rig.set_policy('{"max_payments": 7}')
    rig.pay("10.00", "15.00", age=timedelta(minutes=2))
    rig.pay("-1")
    rig.check()
    (row,) = rig.checks()
    assert row | {"policy": json.loads(row["policy"])["max_payments"]} == {
        "id": row["id"],
        "checked_at": rig.clock(),
        "pending_usd": Decimal(25),
        "pending_payments": 2,
        "oldest_pending_at": rig.clock() - timedelta(minutes=2),
        "oldest_pending_age_s": 120,
        "unclaimable_payments": 1,
        "unclaimable_by_reason": '{"no_dollars": 1}',
        "threshold_usd": Decimal(20),
        "threshold_source": "secret",
        "policy": 7,
        "swap_cost_usd": None,
        "refused_quote_usdt": None,
        "forced": False,
        "decision": "open",
        "reason": "threshold_reached",
        "batch_conversion_id": ours(rig)[0]["batch_conversion_id"],
        "batches_opened": 1,
        "fence_number": 0,
    }
    rig.check(forced=True)
    waiting = rig.checks()[1]
    told = ("decision", "reason", "forced", "batch_conversion_id", "batches_opened", "fence_number", "pending_payments")
    assert [waiting[name] for name in told] == ["wait", "below_threshold", True, None, 0, 1, 0]


def test_a_check_that_could_not_look(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing but its time and why; its line says so."""
    rig.sql(f"SELECT pg_advisory_lock({CHECK_LOCK})")
    with caplog.at_level("INFO"):
        rig.check()
    assert line(caplog, "check_completed") == {"reason": "check_in_progress"}
    rig.sql(f"SELECT pg_advisory_unlock({CHECK_LOCK})")
    (row,) = rig.checks()
    assert {name: value for name, value in row.items() if value is not None} == {
        "id": row["id"],
        "checked_at": rig.clock(),
        "forced": False,
        "decision": "wait",
        "reason": "check_in_progress",
        "batches_opened": 0,
    }
