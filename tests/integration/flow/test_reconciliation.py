"""When no callback comes, the check asks ChangeNow and brings the batch to where it is."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.wire import faults
from shared.errors import BatchConflict
from tests.rig import Rig

BY_ID = "GET /exchange/by-id"


@pytest.fixture
def batch(rig: Rig) -> dict[str, Any]:
    """A batch of $25 whose order went out a moment ago."""
    rig.pay("10.00", "15.00")
    rig.check()
    return rig.batches()[0]


def test_within_the_grace_time_nobody_is_asked(rig: Rig, batch: dict[str, Any]) -> None:
    """GCHostPay1 gets its time."""
    rig.pay_out(batch, "24.50")
    rig.clock.forward(minutes=19)
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "swapping"


def test_finished_completes_the_batch_as_a_callback_would(rig: Rig, batch: dict[str, Any]) -> None:
    """The shares are the same, and the callback that comes later is a harmless replay."""
    rig.pay_out(batch, "24.50")
    rig.clock.forward(minutes=21)
    rig.check()
    (row,) = rig.batches()
    assert (row["conversion_status"], row["settled_by"]) == ("completed", "reconciliation")
    assert [payment["accumulated_amount_usdt"] for payment in rig.payments()] == [Decimal("9.8"), Decimal("14.7")]
    before = (rig.batches(), rig.payments())
    assert rig.call_back(rig.response(batch, "24.50", tx_hash="0x" + "cd" * 32)).records_updated == 0
    assert (rig.batches(), rig.payments()) == before
    with pytest.raises(BatchConflict):
        rig.call_back(rig.response(batch, "24.60"))


@pytest.mark.parametrize(("characters", "kept"), [(100, True), (101, False), (255, False)])
def test_a_hash_of_any_length_does_not_stop_a_settlement(
    rig: Rig, batch: dict[str, Any], characters: int, kept: bool
) -> None:
    """The deployed column of the payments holds 100 characters: a longer hash stands whole with the batch alone."""
    tx_hash = "0x" + "a" * (characters - 2)
    rig.deposit(batch, tx_hash)
    rig.peers.exchange.finish(batch["cn_api_id"], Decimal("24.50"))
    rig.clock.forward(minutes=21)
    rig.check()
    (row,) = rig.batches()
    assert (row["conversion_status"], row["conversion_tx_hash"], row["payin_hash"]) == ("completed", tx_hash, tx_hash)
    assert {payment["conversion_tx_hash"] for payment in rig.payments()} == {tx_hash if kept else None}


@pytest.mark.parametrize("end", ["fail", "expire", "refund"])
def test_an_exchange_that_ended_gives_the_payments_back(
    rig: Rig, batch: dict[str, Any], end: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The payments are claimed anew by the same check; a refund is told to a person."""
    getattr(rig.peers.exchange, end)(batch["cn_api_id"])
    rig.clock.forward(minutes=21)
    rig.check()
    first, second = rig.batches()
    assert (first["conversion_status"], second["conversion_status"]) == ("failed", "swapping")
    assert {row["batch_conversion_id"] for row in rig.payments()} == {second["batch_conversion_id"]}
    assert any("ETH back" in message for message in caplog.messages) == (end == "refund")
    events = rig.sql("SELECT event FROM batch_events ORDER BY id")
    lost = ["batch.deposit_lost"] if end == "refund" else []
    assert [row["event"] for row in events] == ["batch.created", "batch.failed", *lost, "batch.created"]


@pytest.mark.parametrize("status", ["waiting", "verifying", "exchanging", "sending", "on_hold"])
def test_an_exchange_that_runs_is_left_alone_and_in_time_named(
    rig: Rig, batch: dict[str, Any], status: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing moves; past the stuck time every question that is asked names the batch, and one event does."""
    answer = b'{"id": "%s", "status": "%s", "amountTo": null}' % (batch["cn_api_id"].encode(), status.encode())
    rig.peers.exchange.faults.add(method=BY_ID, action=faults.body(answer), times=1000)
    for minutes in (21, 15, 15):
        rig.clock.forward(minutes=minutes)
        rig.check()
    assert not any("stuck" in message for message in caplog.messages)
    for _ in range(12):
        rig.clock.forward(minutes=15)
        rig.check()
    stuck = [record for record in caplog.records if getattr(record, "event", "") == "batch_stuck"]
    assert 2 <= len(stuck) <= 8  # asked at growing intervals, and never given up
    fields = stuck[-1].fields  # type: ignore[attr-defined]
    assert (fields["exchange_status"], fields["batch_conversion_id"]) == (status, batch["batch_conversion_id"])
    assert fields["age_s"] > 3600
    assert len(rig.sql("SELECT id FROM batch_events WHERE event = 'batch.stuck'")) == 1
    assert rig.batches()[0]["conversion_status"] == "swapping"
    rig.peers.exchange.faults.clear()
    rig.pay_out(batch, "24.50")
    rig.clock.forward(hours=2)
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "completed"


def test_finished_without_an_amount_waits(rig: Rig, batch: dict[str, Any]) -> None:
    """amountTo null is not zero."""
    for amount in (b"null", b'""', b"0"):
        answer = b'{"id": "%s", "status": "finished", "amountTo": %s}' % (batch["cn_api_id"].encode(), amount)
        rig.peers.exchange.faults.add(method=BY_ID, action=faults.body(answer))
    rig.clock.forward(minutes=21)
    for _ in range(3):
        rig.clock.forward(hours=1)
        rig.check()
        assert rig.batches()[0]["conversion_status"] == "swapping"


def test_an_amount_far_off_is_not_distributed(
    rig: Rig, batch: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Twice what the payments are worth waits for an operator."""
    rig.pay_out(batch, "51.00")
    rig.clock.forward(minutes=21)
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "swapping"
    assert any(getattr(record, "event", "") == "amount_refused" for record in caplog.records)


def test_while_changenow_is_silent_nothing_moves_and_new_batches_wait_for_it_alone(
    rig: Rig, batch: dict[str, Any]
) -> None:
    """A batch that cannot be reconciled now does not hold up a check."""
    rig.peers.exchange.faults.add(method=BY_ID, action=faults.cut, times=50)
    rig.clock.forward(minutes=21)
    rig.pay("30.00")
    assert len(rig.check().opened) == 1
    rig.peers.exchange.faults.clear()
    rig.pay_out(batch, "24.50")
    rig.clock.forward(minutes=2)
    rig.check()
    assert [row["conversion_status"] for row in rig.batches()] == ["completed", "swapping"]
    assert len(rig.orders()) == 2  # what was opened meanwhile is ordered as soon as its exchange can be read
