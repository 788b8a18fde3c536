"""GCBatchProcessor marks what it has paid while ours works on the same rows: what fails there is paid again."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from sandbox.postgres.session import open_session, run_sql
from shared.errors import DatabaseUnavailable, LockUnavailable
from shared.flow.batch import opening
from shared.model.reasons import Reason
from shared.outside import database
from shared.outside.database import Transaction
from tests.neighbours.statements import mark_paid
from tests.rig import Rig

PATIENCE = "2s"  # of the neighbour, for a lock
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = CURRENT_DATABASE() AND wait_event_type = 'Lock'"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for what goes on at the same time."""
    with ThreadPoolExecutor(2) as threads:
        yield threads


def mark(rig: Rig) -> None:
    """GCBatchProcessor's statement for the client of every payment that is not another's."""
    session = open_session(rig.url)
    try:
        run_sql(session, f"SET lock_timeout = '{PATIENCE}'")
        run_sql(session, mark_paid("client"))
    finally:
        session.close()


@contextmanager
def held(rig: Rig, payment: int) -> Iterator[None]:
    """Hold a payment's row, as a service does that stands still in a transaction."""
    session = open_session(rig.url, autocommit=False)
    run_sql(session, f"SELECT FROM payout_accumulation WHERE id = {payment} FOR UPDATE")
    try:
        yield
    finally:
        session.rollback()
        session.close()


def wait_for_waiting(rig: Rig, sessions: int, *unless: Future[Any]) -> None:
    """Return once so many sessions wait for a lock, or what would wait has ended."""
    while len(rig.sql(WAITING)) < sessions and not all(work.done() for work in unless):
        time.sleep(0.005)


def unpaid(rig: Rig) -> list[int]:
    """The client's payments that GCBatchProcessor would pay again."""
    return [row["id"] for row in rig.payments() if row["client_id"] == "client" and not row["is_paid_out"]]


def test_in_a_deadlock_the_claim_gives_way(rig: Rig, pool: ThreadPoolExecutor) -> None:
    """Ours claims by age, theirs marks rows as they lie, and each comes to hold what the other waits for."""
    youngest, middle, _ = (rig.pay("25.00", age=timedelta(hours=hours))[0] for hours in (1, 2, 3))
    rig.sql("UPDATE payout_accumulation SET client_id = 'other' WHERE id = %s", middle)
    with held(rig, middle):
        check = pool.submit(rig.check)
        wait_for_waiting(rig, 1, check)  # the claim has the oldest, and wants the middle one
        marking = pool.submit(mark, rig)
        wait_for_waiting(rig, 2, check, marking)  # theirs has the youngest, and wants the oldest
    marking.result(timeout=30)
    assert check.result(timeout=30).reason in (Reason.THRESHOLD_REACHED, Reason.CLAIM_CONTENDED)
    assert unpaid(rig) == []
    assert youngest in [row["id"] for row in rig.payments() if row["is_paid_out"]]


def test_an_instance_that_stands_still_in_a_claim_lets_go(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends its transaction in seconds, and nothing is claimed; whoever wants its rows need not give up."""
    monkeypatch.setitem(database.GIVE_WAY_LIMITS, "idle_in_transaction_session_timeout", "1s")
    claim = opening.create_batch_conversion

    def claim_and_stand_still(transaction: Transaction, **claimed: Any) -> UUID | None:
        batch_conversion_id = claim(transaction, **claimed)
        mark(rig)
        return batch_conversion_id

    monkeypatch.setattr(opening, "create_batch_conversion", claim_and_stand_still)
    rig.pay("25.00")
    with pytest.raises(DatabaseUnavailable):
        rig.check()
    assert (unpaid(rig), rig.batches()) == ([], [])


def settle_by_callback(rig: Rig, batch: dict[str, Any]) -> None:
    """Deliver the callback of a batch that is paid out; it may have to come again."""
    rig.pay_out(batch, "49.00")
    with suppress(LockUnavailable):
        rig.call_back(rig.response(batch, "49.00"))


def settle_by_check(rig: Rig, batch: dict[str, Any]) -> None:
    """Let a check find that a batch is paid out."""
    rig.pay_out(batch, "49.00")
    rig.clock.forward(minutes=21)
    rig.check()


def give_back(rig: Rig, batch: dict[str, Any]) -> None:
    """Let a check find that a batch's exchange has ended unpaid."""
    rig.peers.exchange.expire(batch["cn_api_id"])
    rig.clock.forward(minutes=21)
    rig.check()


@pytest.mark.parametrize("end", [settle_by_callback, settle_by_check, give_back])
def test_the_end_of_a_batch_waits_for_nobody_with_its_rows_in_hand(
    rig: Rig, pool: ThreadPoolExecutor, end: Callable[[Rig, dict[str, Any]], None]
) -> None:
    """One of its payments is held by a service that stands still: who wants another of them gets it at once."""
    _, last = rig.pay("25.00", "25.00")
    rig.check()
    (batch,) = rig.batches()
    rig.sql("UPDATE payout_accumulation SET client_id = 'other' WHERE id = %s", last)
    with held(rig, last):
        ending = pool.submit(end, rig, batch)
        wait_for_waiting(rig, 1, ending)
        mark(rig)
        ending.result(timeout=30)
    assert unpaid(rig) == []
    rig.clock.forward(hours=1)
    rig.set_threshold("1000")
    rig.check()
    expected = ("failed", "pending") if end is give_back else ("completed", "completed")
    states = {row["conversion_status"] for row in rig.payments()}
    assert (rig.batches()[0]["conversion_status"], states) == (expected[0], {expected[1]})
