"""A fence that is away holds every order back: nothing is ordered, nothing is lost, and it goes on by itself."""

import json
import logging
import time
from contextlib import suppress

import pytest

from sandbox.google.storage.objects import NotFoundError
from sandbox.wire.faults import Action, body, cut, hang, lose_answer, status
from shared.model.fence import Fence
from shared.model.reasons import Reason
from shared.outside.timed_http import ATTEMPTS_MAX
from tests.rig import FENCES, Rig

WRITE = f"POST /upload/storage/v1/b/{FENCES}/o"
FAULTS = [status(503), status(403), status(429), cut, lose_answer, body(b"{}"), body(b"null")]
KINDS = {fault.name: fault for fault in FAULTS[:-1]} | {"null": FAULTS[-1]}


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails in passing is asked again at once."""
    monkeypatch.setattr("shared.outside.timed_http.PAUSE_S", 0.01)


def read_of(rig: Rig) -> str:
    """The call that reads this database's fence."""
    return f"GET /storage/v1/b/{FENCES}/o/{rig.fence_name}"


def told(caplog: pytest.LogCaptureFixture, event: str) -> list[logging.LogRecord]:
    """The lines that tell of an event."""
    return [record for record in caplog.records if getattr(record, "event", None) == event]


@pytest.mark.parametrize("fault", KINDS.values(), ids=KINDS)
def test_one_that_cannot_be_read_opens_and_orders_nothing(
    rig: Rig, fault: Action, caplog: pytest.LogCaptureFixture
) -> None:
    """The check says so and leaves its row; what is in flight is still settled; the next check orders."""
    (in_flight,) = rig.open_batches("30.00")
    rig.pay_out(in_flight, "29.90")
    rig.pay("31.00")
    rig.clock.forward(minutes=21)
    rig.peers.storage.faults.add(read_of(rig), fault, times=None)
    assert rig.check().reason == Reason.FENCE_UNAVAILABLE
    assert [batch["conversion_status"] for batch in rig.batches()] == ["completed"]
    assert (rig.checks()[-1]["reason"], rig.checks()[-1]["fence_number"]) == ("fence_unavailable", None)
    assert len(told(caplog, "fence_unavailable")) == 1
    rig.peers.storage.faults.clear()
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert (len(rig.orders()), rig.fence().number) == (2, 2)


@pytest.mark.parametrize("fault", KINDS.values(), ids=KINDS)
def test_one_that_cannot_be_written_holds_the_order_back(rig: Rig, fault: Action) -> None:
    """The batch waits with its exchange, its intent taken back; the next check orders it, once."""
    rig.check()
    rig.pay("30.00")
    rig.peers.storage.faults.add(WRITE, fault, times=None)
    rig.check()
    (batch,) = rig.batches()
    was_written = fault is lose_answer  # and is read again at once
    assert len(rig.orders()) == was_written
    assert (batch["order_prepared_at"] is not None) == was_written
    assert rig.fence().number == was_written
    rig.peers.storage.faults.clear()
    rig.check()
    assert len(rig.orders()) == 1
    assert rig.batches()[0]["task_enqueued_at"] is not None


def test_one_that_is_away_when_it_is_to_be_made_is_made_later(rig: Rig) -> None:
    """The first check of all does without, and orders nothing."""
    rig.pay("30.00")
    rig.peers.storage.faults.add(WRITE, status(403))
    assert rig.check().reason == Reason.FENCE_UNAVAILABLE
    assert not rig.batches()
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert rig.fence().number == 1


@pytest.mark.parametrize("call", ["read", "write"])
def test_one_that_hangs_is_given_up_in_time(rig: Rig, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Well below the check's lock; the other batches of the check do not ask again."""
    monkeypatch.setattr("shared.outside.storage.TIMEOUT_S", 0.3)
    rig.check_dependencies = rig.wire_check()
    rig.check()
    rig.pay("30.00")
    rig.peers.storage.faults.add(read_of(rig) if call == "read" else WRITE, hang, times=None)
    began = time.monotonic()
    rig.check()
    assert time.monotonic() - began < 3
    assert not rig.orders()


def test_the_others_of_a_check_do_not_wait_for_it_again(rig: Rig) -> None:
    """After the first failure nobody asks: three batches without an order cost one time-out, not three."""
    rig.peers.exchange.faults.add("GET /exchange/by-id", body(b'{"status": "new"}'), times=None)
    rig.open_batches("30.00", "31.00", "32.00")
    rig.peers.exchange.faults.clear()
    rig.peers.storage.faults.add(WRITE, cut, times=None)
    assert len(rig.batches()) == 3
    tried = len(rig.peers.storage.faults.taken)
    rig.check()
    assert 0 < len(rig.peers.storage.faults.taken) - tried <= 2 * ATTEMPTS_MAX
    rig.peers.storage.faults.clear()
    rig.check()
    assert len(rig.orders()) == 3


def test_a_batch_that_could_not_be_ordered_for_an_hour_is_given_back(rig: Rig) -> None:
    """As when Cloud Tasks is away: it surely was never ordered."""
    rig.check()
    rig.pay("30.00")
    rig.peers.storage.faults.add(WRITE, status(503), times=None)
    rig.check()
    rig.clock.forward(minutes=62)
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "failed"
    assert not rig.orders()
    rig.peers.storage.faults.clear()
    rig.check()
    assert len(rig.orders()) == 1


def test_one_that_goes_while_it_is_written_is_missed_at_once(rig: Rig) -> None:
    """The write fails, and what is read again is not there: no order leaves."""
    rig.check()
    rig.pay("30.00")

    def vanish(_: object) -> bool:
        with suppress(NotFoundError):
            rig.peers.storage.buckets.delete(FENCES, rig.fence_name, expected_generation=None)
        return True

    rig.peers.storage.faults.add(WRITE, status(403), times=None, where=vanish)
    rig.check()
    rig.peers.storage.faults.clear()
    assert (rig.orders(), rig.batches()[0]["order_prepared_at"]) == ([], None)
    assert rig.check().reason == Reason.FENCE_LOST


def test_one_that_is_gone_is_not_made_anew(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """It was there: a new one at the database's word would hide that both were put back."""
    rig.open_batches("30.00")
    rig.check()
    rig.peers.storage.buckets.delete(FENCES, rig.fence_name, expected_generation=None)
    rig.pay("31.00")
    assert rig.check().reason == Reason.FENCE_LOST
    assert len(rig.orders()) == 1
    (line,) = told(caplog, "fence_unavailable")
    assert "./microbatch fence show" in line.getMessage()
    with pytest.raises(NotFoundError):
        rig.fence()


@pytest.mark.parametrize(
    "content",
    [b"", b"43", b"[]", b'{"format": "another"}', b"\xff", b"[" * 100_000]
    + [json.dumps(Fence().document | odd).encode() for odd in ({"number": -1}, {"number": 1.0})],
)
def test_what_is_no_fence_orders_nothing(rig: Rig, content: bytes) -> None:
    """A person must look; nothing is written over it."""
    rig.open_batches("30.00")
    rig.put_fence(content)
    rig.pay("31.00")
    assert rig.check().reason == Reason.FENCE_LOST
    assert len(rig.orders()) == 1
    assert rig.peers.storage.buckets.read(FENCES, rig.fence_name).content == content


def test_a_database_without_a_fence_orders_as_before(rig: Rig) -> None:
    """It is optional."""
    rig.overrides = {"FENCE": ""}
    rig.check_dependencies = rig.wire_check()
    rig.open_batches("30.00")
    assert len(rig.orders()) == 1
    assert rig.checks()[-1]["fence_number"] is None
