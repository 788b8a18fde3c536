"""What others do while a check claims: payments that arrive, with whatever time, and rows that they hold locked."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from sandbox.postgres.session import open_session, run_sql
from sandbox.wire import faults
from shared.model.reasons import Reason
from tests.rig import Peers, Rig

ESTIMATE = "GET /exchange/estimated-amount"


def during_the_quote(rig: Rig, act: Callable[[], Any], times: int = 1) -> None:
    """Do something each of so many times that ChangeNow is asked for an estimate."""
    left = iter(range(times))

    def meanwhile(_: object) -> bool:
        if next(left, None) is not None:
            act()
        return False

    rig.peers.exchange.faults.add(method=ESTIMATE, action=faults.delay(0), times=None, where=meanwhile)


@contextmanager
def locked(rig: Rig, statement: str) -> Iterator[None]:
    """Hold what a statement locks, as a service does that stands still in a transaction."""
    session = open_session(rig.url, autocommit=False)
    run_sql(session, statement)
    try:
        yield
    finally:
        session.rollback()
        session.close()


def claimed(rig: Rig) -> list[int]:
    """The payments that are in a batch."""
    return [row["id"] for row in rig.payments() if row["batch_conversion_id"]]


def test_a_writer_hours_behind_starves_no_claim(rig: Rig) -> None:
    """Each estimate meets another payment dated five hours ago: it stays pending, and the batch is opened at once."""
    first = rig.pay("25.00", age=timedelta(hours=1))
    during_the_quote(rig, lambda: rig.pay("7.00", age=timedelta(hours=5)), times=20)
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert claimed(rig) == first
    assert [batch["total_eth_usd"] for batch in rig.batches()] == [25]


def test_writers_hours_behind_all_the_while(rig: Rig) -> None:
    """Without a pause, from two sessions, committed out of order: every check claims, and every total is exact."""
    stop = threading.Event()

    def insert() -> None:
        session = open_session(rig.url, autocommit=False)
        while not stop.is_set():
            run_sql(
                session,
                "INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency,"
                " payment_timestamp, accumulated_amount_usdt, client_wallet_address, client_payout_currency,"
                " client_payout_network, created_at) VALUES ('c', 1, 9, 'eth', NOW(), 3, 'w', 'usdt', 'eth',"
                " NOW() AT TIME ZONE 'UTC' - INTERVAL '5 hours' * random())",
            )
            stop.wait(0.005)
            session.commit()
        session.close()

    writers = [threading.Thread(target=insert) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        rig.pay("25.00")
        reasons = []
        for _ in range(8):
            reasons.append(rig.check(forced=True).reason)
            stop.wait(0.05)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert set(reasons) <= {Reason.THRESHOLD_REACHED, Reason.FORCED}
    for batch in rig.batches():
        mine = [row for row in rig.payments() if row["batch_conversion_id"] == batch["batch_conversion_id"]]
        assert sum(row["accumulated_eth"] for row in mine) == batch["total_eth_usd"]


def test_a_payment_that_is_committed_late_is_quoted_again(rig: Rig) -> None:
    """Its number was given before the check began, its commit came during the quote: the second quote has it."""
    session = open_session(rig.url, autocommit=False)
    run_sql(
        session,
        "INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency,"
        " payment_timestamp, accumulated_amount_usdt, client_wallet_address, client_payout_currency,"
        " client_payout_network, created_at) VALUES ('c', 1, 9, 'eth', NOW(), 3, 'w', 'usdt', 'eth', '2026-01-01')",
    )
    rig.pay("25.00")
    during_the_quote(rig, session.commit)
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    session.close()
    assert [batch["total_eth_usd"] for batch in rig.batches()] == [28]


def test_a_locked_payment_waits_and_the_others_go(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Another service holds one row: within the same check the rest is claimed, and the one is named."""
    caplog.set_level(logging.INFO)
    rig.pay("25.00")
    rig.check()
    held, *others = rig.pay("21.00", "22.00", "23.00")
    rig.pay_out(rig.batches()[0], "24.50")
    rig.clock.forward(minutes=30)
    with locked(rig, f"SELECT FROM payout_accumulation WHERE id = {held} FOR UPDATE"):
        assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert [batch["conversion_status"] for batch in rig.batches()] == ["completed", "swapping"]
    assert rig.batches()[1]["total_eth_usd"] == 45
    assert claimed(rig)[1:] == others
    assert json.loads(rig.checks()[-1]["unclaimable_by_reason"]) == {"locked": 1}
    (told,) = [record for record in caplog.records if f"(locked), the first: {held};" in record.getMessage()]
    assert told.levelno == logging.INFO  # nobody is called for it
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert claimed(rig)[1:] == [held, *others]


def test_a_locked_payment_makes_no_threshold(rig: Rig) -> None:
    """What is left without it is below: nothing is opened until it is free."""
    rig.set_threshold("40")
    held, _ = rig.pay("25.00", "25.00")
    with locked(rig, f"UPDATE payout_accumulation SET updated_at = NOW() WHERE id = {held}"):
        assert rig.check().reason == Reason.BELOW_THRESHOLD
        assert not rig.batches()
    assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_the_oldest_locked_holds_up_no_capped_batch(rig: Rig) -> None:
    """The cap leaves room for one payment, and the oldest is held: the next ones get their batches."""
    rig.set_policy('{"max_batch_usd": 50}')
    held, *others = rig.pay("40.00", "41.00", "42.00")
    with locked(rig, f"SELECT FROM payout_accumulation WHERE id = {held} FOR UPDATE"):
        assert len(rig.check().opened) == 2
    assert claimed(rig) == others


def test_a_row_that_is_only_referred_to_is_not_in_the_way(rig: Rig) -> None:
    """FOR KEY SHARE, as a foreign key takes it, does not wait for anything."""
    rig.pay("25.00")
    with locked(rig, "SELECT FROM payout_accumulation FOR KEY SHARE"):
        assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_a_locked_table_leaves_the_payments_and_ends_well(rig: Rig) -> None:
    """Whoever holds the whole table holds up the claim alone: the check says so, on record."""
    rig.pay("25.00")
    with locked(rig, "LOCK TABLE payout_accumulation IN SHARE ROW EXCLUSIVE MODE"):
        assert rig.check().reason == Reason.CLAIM_CONTENDED
    assert rig.checks()[-1]["reason"] == "claim_contended"
    assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_a_rule_of_others_that_refuses_a_claim_ends_no_check(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """A CHECK of theirs that an old row breaks: the batches in flight go on, and the check names the rule."""
    rig.pay("25.00")
    rig.check()
    rig.pay("25.00")
    rig.pay_out(rig.batches()[0], "24.50")
    rig.sql("ALTER TABLE payout_accumulation ADD CONSTRAINT theirs CHECK (id <> 2) NOT VALID")
    rig.clock.forward(minutes=30)
    assert rig.check().reason == Reason.CLAIM_REFUSED
    assert [batch["conversion_status"] for batch in rig.batches()] == ["completed"]
    assert rig.checks()[-1]["reason"] == "claim_refused"
    assert any("theirs" in str(record.exc_info) for record in caplog.records)


@pytest.fixture
def small(database_url: str, peers: Peers) -> Iterator[Rig]:
    """A check that moves three payments at once, on a database that can do no more in its time."""
    rig = Rig(database_url, peers, {"BATCH_PAYMENTS_MAX": "3"})
    rig.set_threshold("20.00")
    yield rig
    rig.close()


def test_a_backlog_goes_in_bounded_batches_the_oldest_first(small: Rig) -> None:
    """Seven payments at three a batch: one check opens three batches, by age, each with its exact total."""
    for hours in range(7):
        small.pay(str(11 + hours), age=timedelta(hours=hours))
    outcome = small.check()
    assert [batch["payments_count"] for batch in small.batches()] == [3, 3, 1]
    assert [batch["total_eth_usd"] for batch in small.batches()] == [17 + 16 + 15, 14 + 13 + 12, 11]
    assert (small.checks()[-1]["batches_opened"], len(outcome.opened)) == (3, 3)
