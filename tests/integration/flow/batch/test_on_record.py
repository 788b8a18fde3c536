"""What each step of a batch leaves on record, column by column, and what its event tells: no more, no less."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.wire import faults
from shared.flow.check_lock import CHECK_LOCK
from tests.rig import Rig

Row = dict[str, Any]

HASH = "0x" + "ab" * 32
AMOUNTS = ("total_usd", "amount_eth", "quoted_usdt", "received_usdt", "late_usdt", "deposit_eth")


@pytest.fixture
def batch(rig: Rig) -> Row:
    """An ordered batch of two payments."""
    rig.pay("10.00", "15.00")
    rig.check()
    return rig.batches()[0]


def now(rig: Rig) -> Any:
    """The check's own time, as columns hold it."""
    return rig.clock().replace(tzinfo=None)


def changes(before: list[Row], after: list[Row]) -> list[Row]:
    """What is another in each row than it was."""
    pairs = zip(before, after, strict=True)
    return [{name: new[name] for name in new if new[name] != old[name]} for old, new in pairs]


def events(rig: Rig, *, after: int = 0) -> list[Row]:
    """What the events tell, from the how-manieth on; amounts as numbers."""
    documents = [json.loads(row["data"]) for row in rig.sql("SELECT data FROM batch_events ORDER BY id")[after:]]
    return [{key: _read(key, value) for key, value in each.items()} for each in documents]


def _read(key: str, value: Any) -> Any:
    return Decimal(value) if key in AMOUNTS and value is not None else value


def facts(batch: Row) -> Row:
    """What every event tells of a batch."""
    return {
        "batch_conversion_id": str(batch["batch_conversion_id"]),
        "total_usd": Decimal(25),
        "payments": 2,
        "amount_eth": batch["amount_eth"],
        "quoted_usdt": batch["quoted_usdt"],
        "cn_api_id": batch["cn_api_id"],
        "payin_address": batch["payin_address"],
        "reason": "threshold_reached",
    }


def line(caplog: pytest.LogCaptureFixture, event: str) -> Row:
    """The fields of the one line of an event."""
    (found,) = [record for record in caplog.records if getattr(record, "event", "") == event]
    fields: Row = found.fields  # type: ignore[attr-defined]
    return fields


def test_a_batch_that_is_opened(rig: Rig) -> None:
    """All that is known of it, at the check's instant; of its payments only where they are; one event."""
    rig.pay("10.00", "15.00")
    before = rig.payments()
    rig.clock.forward(minutes=3)
    rig.check()
    (batch,) = rig.batches()
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
        "batch_conversion_id": rig.batches()[0]["batch_conversion_id"],
        "batches_opened": 1,
        "fence_number": 0,
    }
    rig.check(forced=True)
    waiting = rig.checks()[1]
    told = ("decision", "reason", "forced", "batch_conversion_id", "batches_opened", "fence_number", "pending_payments")
    assert [waiting[name] for name in told] == ["wait", "below_threshold", True, None, 0, 1, 0]


def test_a_check_that_could_not_look(rig: Rig) -> None:
    """Nothing but its time and why."""
    rig.sql(f"SELECT pg_advisory_lock({CHECK_LOCK})")
    rig.check()
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


def test_a_batch_that_is_completed(rig: Rig, batch: Row, caplog: pytest.LogCaptureFixture) -> None:
    """Amount, transaction, deposit and time with the batch; share and state with each payment; an event and a line."""
    before = rig.batches(), rig.payments()
    rig.pay_out(batch, "24.50")
    rig.clock.forward(seconds=90)
    with caplog.at_level("INFO"):
        rig.call_back(rig.response(batch, "24.50"))
    received = {"received_usdt": Decimal("24.50"), "tx_hash": HASH, "settled_by": "callback"}
    assert changes(before[0], rig.batches()) == [
        {
            "conversion_status": "completed",
            "actual_usdt_received": Decimal("24.50"),
            "conversion_tx_hash": HASH,
            "completed_at": now(rig),
            "settled_by": "callback",
            "deposit_eth": batch["amount_eth"],
            "payin_hash": HASH,
        }
    ]
    done = {
        "conversion_status": "completed",
        "is_conversion_complete": True,
        "conversion_tx_hash": HASH,
        "updated_at": now(rig),
    }
    shares = [{"accumulated_amount_usdt": Decimal(share)} for share in ("9.80", "14.70")]
    assert changes(before[1], rig.payments()) == [done | share for share in shares]
    at = {"event": "batch.completed", "occurred_at": rig.clock().isoformat()}
    assert events(rig, after=1) == [at | facts(batch) | received]
    told = line(caplog, "batch_completed")
    assert (told["duration_s"], told["received_usdt"], told["settled_by"]) == (90, Decimal("24.50"), "callback")


@pytest.mark.parametrize(("how", "word"), [("fail", "failed"), ("expire", "expired"), ("refund", "refunded")])
def test_a_batch_whose_deposit_is_lost(rig: Rig, batch: Row, how: str, word: str) -> None:
    """Why, ChangeNow's word, the deposit, the next question; its payments are as if they had never been in it."""
    rig.set_threshold("1000")
    before = rig.batches(), rig.payments()
    rig.deposit(batch)
    getattr(rig.peers.exchange, how)(batch["cn_api_id"])
    rig.clock.forward(minutes=21)
    rig.check()
    deposit = {"deposit_eth": batch["amount_eth"], "payin_hash": HASH}
    assert changes(before[0], rig.batches()) == [
        {
            "conversion_status": "failed",
            "failure_reason": word,
            "exchange_status": word,
            "deposit_lost_at": now(rig),
            "reconcile_after": now(rig) + timedelta(minutes=15),
            **deposit,
        }
    ]
    free = {"conversion_status": "pending", "batch_conversion_id": None, "updated_at": now(rig)}
    assert changes(before[1], rig.payments()) == [free] * 2
    at = {"occurred_at": rig.clock().isoformat()} | facts(batch)
    assert events(rig, after=1) == [
        at | {"event": "batch.failed", "reason": word},
        at | {"event": "batch.deposit_lost", "exchange_status": word} | deposit,
    ]


def test_a_payout_that_comes_too_late(rig: Rig, batch: Row) -> None:
    """The amount, its time and its deposit; nothing is left to ask, and the payments stay where they are by then."""
    rig.set_threshold("1000")
    rig.peers.exchange.expire(batch["cn_api_id"])
    rig.clock.forward(minutes=21)
    rig.check()
    answer = {
        "status": "finished",
        "amountTo": "24.50000019",
        "amountFrom": str(batch["amount_eth"]),
        "payinHash": HASH,
    }
    rig.peers.exchange.faults.add("GET /exchange/by-id", faults.body(json.dumps(answer).encode()))
    before = rig.batches(), rig.payments()
    rig.clock.forward(minutes=15)
    rig.check()
    deposit = {"deposit_eth": batch["amount_eth"], "payin_hash": HASH}
    assert changes(before[0], rig.batches()) == [
        {
            "late_usdt_received": Decimal("24.50000019"),
            "late_seen_at": now(rig),
            "exchange_status": "finished",
            "exchange_asked_at": now(rig),
            "reconcile_after": None,
            **deposit,
        }
    ]
    assert rig.payments() == before[1]
    at = {"event": "batch.paid_late", "occurred_at": rig.clock().isoformat()}
    (told,) = events(rig, after=2)
    assert told == at | facts(batch) | deposit | {"late_usdt": Decimal("24.50000019")}


def test_an_amount_that_is_refused(rig: Rig, batch: Row) -> None:
    """What was seen and when, its deposit, ChangeNow's word and the next question; seen again, its time stays."""
    rig.pay_out(batch, "55.00")
    before = rig.batches()
    rig.clock.forward(minutes=21)
    rig.check()
    first_seen_at = now(rig)
    asked = {"exchange_status": "finished", "exchange_asked_at": now(rig)}
    assert changes(before, rig.batches()) == [
        {
            "refused_usdt": Decimal("55.00"),
            "refused_at": first_seen_at,
            "deposit_eth": batch["amount_eth"],
            "payin_hash": HASH,
            "reconcile_after": now(rig) + timedelta(seconds=30),
            **asked,
        }
    ]
    rig.clock.forward(minutes=2)
    rig.check()
    assert rig.batches()[0]["refused_at"] == first_seen_at
    assert len(events(rig)) == 1


def test_a_batch_that_stands_still(rig: Rig, batch: Row) -> None:
    """Asked about at growing intervals, half as long as it is overdue; named once it has stood for an hour."""
    before = rig.batches()
    rig.clock.forward(minutes=60)
    rig.check()
    asked = {"exchange_status": "waiting", "exchange_asked_at": now(rig)}
    assert changes(before, rig.batches()) == [asked | {"reconcile_after": now(rig) + timedelta(minutes=20)}]
    rig.clock.forward(minutes=20)
    rig.check()
    assert changes(before, rig.batches()) == [
        asked
        | {
            "exchange_asked_at": now(rig),
            "reconcile_after": now(rig) + timedelta(minutes=30),
            "stuck_reported_at": now(rig),
        }
    ]
    at = {"event": "batch.stuck", "occurred_at": rig.clock().isoformat(), "exchange_status": "waiting"}
    assert events(rig, after=1) == [at | facts(batch)]
    reported_at = now(rig)
    rig.clock.forward(hours=9)
    rig.check()
    row = rig.batches()[0]
    assert row["stuck_reported_at"] == reported_at
    assert row["reconcile_after"] == now(rig) + timedelta(hours=1)
    assert len(events(rig)) == 2
