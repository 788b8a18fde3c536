"""A deposit that ends without a payout is on record and told; too many of them stop new batches."""

from decimal import Decimal
from typing import Any

import pytest

from shared.model.reasons import Reason
from tests.rig import Rig


def end(rig: Rig, batch: dict[str, Any], how: str) -> None:
    """Let a paid exchange end without a payout."""
    rig.deposit(batch)
    getattr(rig.peers.exchange, how)(batch["cn_api_id"])


def test_a_refund_is_a_lost_deposit_and_two_open_the_breaker(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """ETH came back less fees: a loop of that is not paid on until a day is over, or somebody has reset the breaker."""
    (first,) = rig.open_batches("25.00")
    end(rig, first, "refund")
    rig.clock.forward(minutes=21)
    rig.check()
    first, second = rig.batches()
    assert first["deposit_lost_at"] is not None
    assert first["deposit_eth"] == first["amount_eth"]
    assert first["payin_hash"] == "0x" + "ab" * 32
    assert rig.events()[:3] == ["batch.created", "batch.failed", "batch.deposit_lost"]
    end(rig, second, "refund")
    rig.clock.forward(minutes=21)
    assert rig.check().reason == Reason.DEPOSITS_LOST
    assert len(rig.batches()) == 2
    events = [getattr(record, "event", "") for record in caplog.records]
    assert (events.count("deposit_lost"), events.count("deposits_lost")) == (2, 1)
    rig.clock.forward(hours=23, minutes=50)
    assert rig.check().reason == Reason.THRESHOLD_REACHED


@pytest.mark.parametrize("how", ["fail", "expire"])
def test_one_deposit_that_did_not_come_back_is_enough(rig: Rig, how: str) -> None:
    """However long ago; the operator's reset begins anew."""
    (batch,) = rig.open_batches("25.00")
    end(rig, batch, how)
    rig.clock.forward(minutes=21)
    assert rig.check().reason == Reason.DEPOSITS_LOST
    rig.clock.forward(days=3)
    assert rig.check().reason == Reason.DEPOSITS_LOST
    rig.sql("INSERT INTO operator_acts (act, by_whom, acted_at) VALUES ('breaker reset', 'somebody', %s)", rig.clock())
    assert rig.check().reason == Reason.THRESHOLD_REACHED


@pytest.mark.parametrize("how", ["fail", "expire"])
def test_an_exchange_that_nobody_paid_is_no_lost_deposit(rig: Rig, how: str) -> None:
    """It never cost anything: the payments go into the next batch."""
    (batch,) = rig.open_batches("25.00")
    getattr(rig.peers.exchange, how)(batch["cn_api_id"])
    rig.clock.forward(minutes=21)
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert rig.batches()[0]["deposit_lost_at"] is None


def test_the_resuming_path_sees_a_lost_deposit_too(rig: Rig) -> None:
    """The answer of Cloud Tasks was lost, the order went out, and ChangeNow refunded before the next check."""
    (batch,) = rig.open_batches("25.00")
    rig.sql("ALTER TABLE batch_conversions DISABLE TRIGGER USER")
    rig.sql("UPDATE batch_conversions SET task_enqueued_at = NULL")
    rig.sql("ALTER TABLE batch_conversions ENABLE TRIGGER USER")
    end(rig, batch, "refund")
    rig.clock.forward(minutes=5)
    rig.check()
    row = rig.batches()[0]
    assert (row["conversion_status"], row["failure_reason"]) == ("failed", "refunded")
    assert row["deposit_lost_at"] is not None


def test_the_policy_says_how_many(rig: Rig) -> None:
    """One refund is enough where an operator says so."""
    rig.set_policy('{"max_lost_deposits": 1}')
    (batch,) = rig.open_batches("25.00")
    end(rig, batch, "refund")
    rig.clock.forward(minutes=21)
    assert rig.check().reason == Reason.DEPOSITS_LOST


def test_usdt_that_comes_late_is_on_record_once_and_told_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Given up as failed, paid out days later: stored, an event, and the breaker no longer counts it."""
    (batch,) = rig.open_batches("25.00")
    end(rig, batch, "fail")
    rig.clock.forward(minutes=21)
    rig.check()
    rig.clock.forward(days=2)
    rig.check()
    rig.peers.exchange.revive(batch["cn_api_id"], Decimal("24.50"))
    for _ in range(3):
        rig.clock.forward(hours=6)
        rig.check()
    row = rig.batches()[0]
    assert (row["conversion_status"], row["late_usdt_received"]) == ("failed", Decimal("24.50"))
    assert row["late_seen_at"] is not None
    assert rig.events().count("batch.paid_late") == 1
    told = [record for record in caplog.records if getattr(record, "event", "") == "paid_after_failure"]
    assert len(told) == 1
    assert rig.check().reason != Reason.DEPOSITS_LOST


def test_a_batch_given_up_is_asked_about_for_a_week_at_growing_intervals(rig: Rig) -> None:
    """Six hours at most between two questions, and none after the week."""
    (batch,) = rig.open_batches("25.00")
    end(rig, batch, "fail")
    rig.clock.forward(minutes=21)
    rig.check()
    asked = set()
    for _ in range(8 * 24):
        rig.clock.forward(hours=1)
        rig.check()
        asked.add(rig.batches()[0]["exchange_asked_at"])
    assert 28 <= len(asked) <= 36
    assert rig.batches()[0]["reconcile_after"] is None


def test_a_deposit_that_is_seen_only_after_the_batch_was_given_up_counts(rig: Rig) -> None:
    """An operator gave the batch back; then ChangeNow refunds what GCHostPay1 had paid after all."""
    (batch,) = rig.open_batches("25.00")
    rig.sql(
        "UPDATE batch_conversions SET conversion_status = 'failed', failure_reason = 'operator', reconcile_after = %s",
        rig.clock().replace(tzinfo=None),
    )
    end(rig, batch, "refund")
    rig.clock.forward(minutes=21)
    rig.check()
    assert rig.batches()[0]["deposit_lost_at"] is not None
    assert "batch.deposit_lost" in rig.events()
