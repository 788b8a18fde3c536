"""A payment joined into a batch by hand: refused; and what got in anyway is told, and can be taken out again."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pg8000.dbapi import DatabaseError

from sandbox.postgres.session import open_session, run_sql
from sandbox.wire import faults
from tests.rig import Rig

JOIN = "UPDATE payout_accumulation SET conversion_status = 'swapping', batch_conversion_id = %s WHERE id = %s"
LEAVE = "UPDATE payout_accumulation SET conversion_status = 'pending', batch_conversion_id = NULL WHERE id = %s"
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = CURRENT_DATABASE() AND wait_event_type = 'Lock'"


def refused(rig: Rig, statement: str, *parameters: Any) -> str:
    """Run a statement that must be refused; returns the rule's name."""
    with pytest.raises(DatabaseError) as caught:
        rig.sql(statement, *parameters)
    rig.sql("ROLLBACK")
    return str(caught.value.args[0]["n"])


def force_in(rig: Rig, batch: dict[str, Any], payment: int) -> None:
    """Put a payment into a batch past every trigger."""
    rig.sql("SET session_replication_role = replica")
    rig.sql(JOIN, batch["batch_conversion_id"], payment)
    rig.sql("RESET session_replication_role")


@pytest.fixture
def joined(rig: Rig) -> tuple[dict[str, Any], int, int]:
    """An ordered batch of $25, its payment, and one of $7 that got in past every trigger."""
    (own,) = rig.pay("25.00")
    rig.check()
    (batch,) = rig.batches()
    (intruder,) = rig.pay("7.00")
    assert refused(rig, JOIN, batch["batch_conversion_id"], intruder) == "payout_accumulation_join"
    force_in(rig, batch, intruder)
    return batch, own, intruder


def test_a_payment_that_got_into_a_live_batch_is_told_and_may_leave(
    rig: Rig, joined: tuple[dict[str, Any], int, int], caplog: pytest.LogCaptureFixture
) -> None:
    """The completion is refused by name; only the surplus may leave, and then the batch completes with its own."""
    batch, own, intruder = joined
    rig.pay_out(batch, "24.50")
    rig.clock.forward(minutes=30)
    rig.check()
    assert any(getattr(record, "event", "") == "distribution_mismatch" for record in caplog.records)
    assert rig.batches()[0]["conversion_status"] == "swapping"
    assert refused(rig, LEAVE, own) == "payout_accumulation_release"
    rig.sql(LEAVE, intruder)
    assert refused(rig, LEAVE, own) == "payout_accumulation_release"
    rig.clock.forward(hours=2)
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "completed"
    shares = {row["id"]: (row["conversion_status"], row["accumulated_amount_usdt"]) for row in rig.payments()}
    assert (str(shares[own][1]), shares[intruder]) == ("24.50000000", ("pending", 7))


def test_a_batch_that_was_joined_before_its_exchange_is_opened_anew(rig: Rig) -> None:
    """What was quoted is no longer what it holds: nothing is ordered for it, and all its payments go together."""
    rig.pay("25.00")
    rig.peers.exchange.faults.add(method="POST /exchange", action=faults.cut)
    rig.check()
    (batch,) = rig.batches()
    (late,) = rig.pay("7.00")
    rig.sql(JOIN, batch["batch_conversion_id"], late)
    rig.clock.forward(minutes=15)
    rig.check()
    failed, opened = rig.batches()
    assert (failed["conversion_status"], failed["failure_reason"]) == ("failed", "payments_changed")
    assert (opened["conversion_status"], opened["total_eth_usd"]) == ("swapping", 32)
    assert [order.batch_conversion_id for order in rig.orders()] == [str(opened["batch_conversion_id"])]


def test_two_that_leave_at_once_are_not_both_the_surplus(rig: Rig) -> None:
    """Two sessions take one payment each out of a live batch: the one that comes second would leave it short."""
    kept, own = rig.pay("15.00", "10.00")
    rig.check()
    (batch,) = rig.batches()
    (intruder,) = rig.pay("10.00")
    force_in(rig, batch, intruder)
    first, second = (open_session(rig.url, autocommit=False) for _ in range(2))
    run_sql(first, LEAVE.replace("%s", str(intruder)))
    with ThreadPoolExecutor(1) as pool:
        leaving = pool.submit(run_sql, second, LEAVE.replace("%s", str(own)))
        while not (rig.sql(WAITING) or leaving.done()):
            time.sleep(0.005)
        first.commit()
        with pytest.raises(DatabaseError, match="which is alive"):
            leaving.result(timeout=30)
    for session in (first, second):
        session.close()
    held = [row["id"] for row in rig.payments() if row["batch_conversion_id"] == batch["batch_conversion_id"]]
    assert held == [kept, own]
