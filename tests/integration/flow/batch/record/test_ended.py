"""What the end of a batch leaves on record, column by column, and what its events tell: no more, no less."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from sandbox.wire import faults
from tests.integration.flow.batch.record.records import HASH, Row, changes, events, facts, line, now, ours
from tests.rig import Rig


def test_a_deposit_that_is_seen_and_lost_after_the_end(rig: Rig, batch: Row, caplog: pytest.LogCaptureFixture) -> None:
    """First nobody had paid; then ChangeNow tells of a deposit that it has sent back."""
    rig.set_threshold("1000")
    rig.peers.exchange.expire(batch["cn_api_id"])
    rig.clock.forward(minutes=21)
    rig.check()
    before = rig.batches()
    rig.clock.forward(minutes=15)
    rig.check()
    asked = {"exchange_asked_at": now(rig), "reconcile_after": now(rig) + timedelta(minutes=15)}
    assert changes(before, rig.batches()) == [asked]
    answer = {"status": "refunded", "amountFrom": str(batch["amount_eth"]), "payinHash": HASH}
    rig.peers.exchange.faults.add("GET /exchange/by-id", faults.body(json.dumps(answer).encode()))
    rig.clock.forward(minutes=15)
    rig.check()
    asked = {"exchange_asked_at": now(rig), "reconcile_after": now(rig) + timedelta(minutes=15)}
    deposit = {"deposit_eth": batch["amount_eth"], "payin_hash": HASH}
    ended = {"failure_reason": "refunded", "exchange_status": "refunded", "deposit_lost_at": now(rig)}
    assert changes(before, rig.batches()) == [asked | deposit | ended]
    at = {"event": "batch.deposit_lost", "occurred_at": rig.clock().isoformat(), "exchange_status": "refunded"}
    assert events(rig, after=2) == [at | facts(batch) | deposit]
    assert line(caplog, "deposit_lost")["deposit_eth"] == batch["amount_eth"]


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
            "smallest_share_usdt": Decimal("9.80"),
            "largest_share_usdt": Decimal("14.70"),
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
    assert (told["payments"], told["shares_usdt"], told["largest_share_usdt"]) == (
        2,
        Decimal("24.50"),
        Decimal("14.70"),
    )


def test_a_batch_that_the_check_completes(rig: Rig, batch: Row, caplog: pytest.LogCaptureFixture) -> None:
    """As a callback would, by the deposit's transaction; the line says by whom."""
    rig.pay_out(batch, "24.50")
    rig.clock.forward(minutes=21)
    with caplog.at_level("INFO"):
        rig.check()
    told = line(caplog, "batch_completed")
    assert (told["settled_by"], told["tx_hash"], told["duration_s"]) == ("reconciliation", HASH, 21 * 60)
    assert (ours(rig)[0]["completed_at"], ours(rig)[0]["settled_by"]) == (now(rig), "reconciliation")


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
    assert ours(rig)[0]["refused_at"] == first_seen_at
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
    row = ours(rig)[0]
    assert row["stuck_reported_at"] == reported_at
    assert row["reconcile_after"] == now(rig) + timedelta(hours=1)
    assert len(events(rig)) == 2
