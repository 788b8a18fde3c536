"""Everything at once: callbacks and checks beside each other, payments all the while."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from sandbox.postgres.session import open_session
from shared.errors import DatabaseUnavailable, MicroBatchError
from shared.flow import callback
from shared.flow.check import run_check
from shared.flow.check_lock import CHECK_LOCK
from shared.model.reasons import Reason
from shared.outside import database
from tests.rig import Rig


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads that start together; returns their results or their errors of ours."""
    together = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        together.wait()
        try:
            return call()
        except MicroBatchError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_eight_identical_callbacks_settle_once(rig: Rig) -> None:
    """One of them writes, the others find it done."""
    rig.pay(*["0.31"] * 100)
    rig.check()
    (batch,) = rig.batches()
    rig.pay_out(batch, "30.123457")
    token = rig.response(batch, "30.123457")
    desks = [rig.wire_callback() for _ in range(8)]
    done = at_once(*[lambda desk=desk: callback.process_callback(desk, token) for desk in desks])
    assert sorted(result.records_updated for result in done) == [0] * 7 + [100]
    assert sum(row["accumulated_amount_usdt"] for row in rig.payments()) == Decimal("30.123457")


def test_a_callback_and_the_reconciliation_settle_once(rig: Rig) -> None:
    """Whichever comes first; the other one finds the batch completed."""
    for _ in range(5):
        rig.pay("25.00")
        rig.check()
        batch = rig.batches()[-1]
        rig.pay_out(batch, "24.50")
        rig.clock.forward(minutes=30)
        token = rig.response(batch, "24.50")
        at_once(rig.check, lambda token=token: rig.call_back(token))  # type: ignore[misc]
        assert rig.batches()[-1]["conversion_status"] == "completed"
    completed = rig.sql("SELECT batch_conversion_id FROM batch_state_changes WHERE to_status = 'completed'")
    assert len(completed) == len({row["batch_conversion_id"] for row in completed}) == 5


def test_of_many_checks_at_once_one_opens(rig: Rig) -> None:
    """The others say that a check is in progress, or find nothing left."""
    rig.pay("25.00", "30.00")
    desks = [rig.wire_check() for _ in range(6)]
    outcomes = at_once(*[lambda desk=desk: run_check(desk, forced=False) for desk in desks])
    assert sum(len(outcome.opened) for outcome in outcomes) == 1
    reasons = {outcome.reason for outcome in outcomes}
    assert reasons <= {Reason.THRESHOLD_REACHED, Reason.CHECK_IN_PROGRESS, Reason.BELOW_THRESHOLD}
    assert len(rig.orders()) == len(rig.batches()) == 1
    assert len(rig.checks()) == 6


def test_payments_that_arrive_all_the_while_are_counted_once(rig: Rig) -> None:
    """Writers insert without pause while checks claim: every total is its payments' sum, and nobody is left out."""
    stop = threading.Event()

    def insert() -> None:
        connection = open_session(rig.url)
        cursor = connection.cursor()
        while not stop.is_set():
            cursor.execute(
                "INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency,"
                " payment_timestamp, accumulated_eth, client_wallet_address, client_payout_currency,"
                " client_payout_network) VALUES ('c', 1, 9e7, 'eth', NOW(), 3.33333333, 'w', 'usdt', 'eth')"
            )
        connection.close()

    writers = [threading.Thread(target=insert) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        opened = sum(len(rig.check().opened) for _ in range(12))
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert opened >= 3
    for batch in rig.batches():
        mine = [row for row in rig.payments() if row["batch_conversion_id"] == batch["batch_conversion_id"]]
        assert sum(row["accumulated_eth"] for row in mine) == batch["total_eth_usd"]
        assert len(mine) == batch["payments_count"]
    rig.check(forced=True)
    assert {row["conversion_status"] for row in rig.payments()} == {"swapping"}


def test_a_frozen_instance_loses_its_lock(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends a session that holds the lock and says nothing; the next check goes on."""
    monkeypatch.setattr(database, "EXCLUSIVE_IDLE_MAX_S", 1)
    frozen = rig.wire_check()

    def thaw_too_late() -> None:
        with frozen.database.exclusive(CHECK_LOCK) as session:
            assert session is not None
            assert rig.check().reason == Reason.CHECK_IN_PROGRESS
            threading.Event().wait(1.5)
            assert rig.check().reason == Reason.BELOW_THRESHOLD
            with session.transaction() as transaction:
                transaction.row("count_batches_in_flight")

    with pytest.raises(DatabaseUnavailable):
        thaw_too_late()
