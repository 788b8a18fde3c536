"""A payment joined into a batch by hand: refused; and what got in anyway is told, and can be taken out again."""

from typing import Any

import pytest
from pg8000.dbapi import DatabaseError

from sandbox.wire import faults
from tests.rig import Rig

JOIN = "UPDATE payout_accumulation SET conversion_status = 'swapping', batch_conversion_id = %s WHERE id = %s"
LEAVE = "UPDATE payout_accumulation SET conversion_status = 'pending', batch_conversion_id = NULL WHERE id = %s"


def refused(rig: Rig, statement: str, *parameters: Any) -> str:
    """Run a statement that must be refused; returns the rule's name."""
    with pytest.raises(DatabaseError) as caught:
        rig.sql(statement, *parameters)
    rig.sql("ROLLBACK")
    return str(caught.value.args[0]["n"])


@pytest.fixture
def joined(rig: Rig) -> tuple[dict[str, Any], int, int]:
    """An ordered batch of $25, its payment, and one of $7 that got in past every trigger."""
    (own,) = rig.pay("25.00")
    rig.check()
    (batch,) = rig.batches()
    (intruder,) = rig.pay("7.00")
    assert refused(rig, JOIN, batch["batch_conversion_id"], intruder) == "payout_accumulation_join"
    rig.sql("SET session_replication_role = replica")
    rig.sql(JOIN, batch["batch_conversion_id"], intruder)
    rig.sql("RESET session_replication_role")
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
