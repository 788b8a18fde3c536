"""A death at any step of an order leaves the fence where the database is, or behind it; the next check goes on."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from sandbox.wire.faults import status
from shared.flow.batch import ordering
from shared.flow.fence import CheckFence
from shared.model.reasons import Reason
from shared.outside.cloud_tasks import OrderQueue
from shared.outside.storage import StorageObject
from tests.rig import Rig

STRANGER = UUID(int=7)


class Killed(BaseException):
    """The process ends here."""


def dying(work: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
    """The work, with a death before or after it."""

    def die(*arguments: Any, **named: Any) -> Any:
        if not before:
            work(*arguments, **named)
        raise Killed

    return die


HELD_LOCKS = (
    "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE locktype = 'advisory' AND granted AND datname = CURRENT_DATABASE()"
)


def die_in_check(rig: Rig, place: Any, name: str, *, before: bool) -> None:
    """Run a check that dies at a step; after it the server has ended the session, and with it the check's lock."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(place, name, dying(getattr(place, name), before=before))
        with pytest.raises(Killed):
            rig.check()
    while rig.sql(HELD_LOCKS):
        time.sleep(0.01)


STEPS = {
    "intent": (CheckFence, "raise_to"),
    "write": (StorageObject, "write"),
    "order": (OrderQueue, "enqueue_gchostpay1_batch_execution"),
    "record": (ordering, "record_order"),
}


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_death_leaves_it_behind_at_most(rig: Rig, step: str, *, before: bool) -> None:
    """The database knows the fence, and the order leaves once."""
    rig.check()
    rig.pay("30.00")
    die_in_check(rig, *STEPS[step], before=before)
    (batch,) = rig.batches()
    assert rig.fence().number <= batch["order_number"] == 1
    assert rig.check().reason == Reason.BELOW_THRESHOLD
    assert (len(rig.orders()), rig.fence().number) == (1, 1)
    assert rig.batches()[0]["task_enqueued_at"] is not None


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_death_while_it_is_made(rig: Rig, *, before: bool) -> None:
    """The first check of all dies around its making; the next one finds it, or makes it."""
    die_in_check(rig, StorageObject, "write", before=before)
    rig.open_batches("30.00")
    assert (len(rig.orders()), rig.fence().number) == (1, 1)


def test_an_order_that_stays_in_doubt_holds_nobody_up(rig: Rig) -> None:
    """Its intent counts; newer orders go above it."""
    rig.check()
    rig.pay("30.00")
    die_in_check(rig, CheckFence, "raise_to", before=True)
    rig.clock.forward(minutes=21)
    (_, newer) = rig.open_batches("31.00", "32.00")
    assert [batch["order_number"] for batch in rig.batches()] == [1, 2, 3]
    assert rig.fence().batch_conversion_id == newer["batch_conversion_id"]


def test_two_databases_with_one_fence_stop_each_other(rig: Rig) -> None:
    """Another installation wrote to the fence between the reading and the order: nothing leaves."""
    rig.check()
    rig.pay("30.00")
    raise_to = CheckFence.raise_to

    def after_another(fence: CheckFence, order: Any, queries: Any) -> None:
        theirs = rig.fence().with_order(order.__class__(**vars(order) | {"batch_conversion_id": STRANGER}))
        rig.put_fence(json.dumps(theirs.document).encode())
        raise_to(fence, order, queries)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CheckFence, "raise_to", after_another)
        rig.check()
    assert not rig.orders()
    assert rig.batches()[0]["order_prepared_at"] is None
    assert rig.check().reason == Reason.DATABASE_BEHIND


def test_an_order_that_leaves_after_a_newer_one_is_listed_as_well(rig: Rig) -> None:
    """Its intent is older, and it stays behind for want of an answer: a restored database must hear of both."""
    rig.check()
    rig.pay("30.00")
    die_in_check(rig, CheckFence, "raise_to", before=True)
    rig.peers.exchange.faults.add("GET /exchange/by-id", status(403))
    rig.pay("31.00")
    rig.check()
    assert [order.number for order in rig.fence().orders] == [2]
    rig.check()
    older, newer = rig.batches()
    listed = [(order.number, order.batch_conversion_id) for order in rig.fence().orders]
    assert listed == [(1, older["batch_conversion_id"]), (2, newer["batch_conversion_id"])]
    assert rig.fence().batch_conversion_id == newer["batch_conversion_id"]
    assert len(rig.orders()) == 2
