"""Batch events: published after the commit, at least once, and never in the way of the money."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from grpc import StatusCode

from sandbox.google.pubsub.server import PubSub
from sandbox.wire import faults
from shared.errors import BatchConflict
from shared.flow import events
from shared.flow.callback import process_callback
from shared.flow.check import run_check
from shared.model.exchange import Phase
from shared.outside.pubsub import EventPublisher
from tests.rig import PROJECT, Rig

TOPIC = f"projects/{PROJECT}/topics/batch-events"


@pytest.fixture(scope="module")
def pubsub() -> Iterator[PubSub]:
    """Pub/Sub on loopback."""
    with PubSub() as server:
        server.create_topic(TOPIC)
        yield server


@pytest.fixture
def topic(pubsub: PubSub, rig: Rig) -> Iterator[PubSub]:
    """The events' topic, empty, with both use cases publishing to it."""
    publisher = EventPublisher(TOPIC, pubsub.address)
    rig.check_dependencies = replace(rig.check_dependencies, publisher=publisher)
    rig.callback_dependencies = replace(rig.callback_dependencies, publisher=publisher)
    yield pubsub
    pubsub.faults.clear()
    pubsub._published[TOPIC].clear()


def told(topic: PubSub) -> list[str]:
    """The events that reached the topic, in their order."""
    return [message.attributes["event"] for message in topic._published[TOPIC]]


def open_batch(rig: Rig) -> dict[str, Any]:
    """Let a check open one more batch, and ChangeNow pay it out."""
    rig.pay("25.00")
    run_check(rig.check_dependencies, forced=False)
    batch = rig.batches()[-1]
    rig.pay_out(batch, "24.80")
    return batch


@pytest.mark.parametrize(
    "action",
    [faults.refuse(StatusCode.PERMISSION_DENIED), faults.refuse(StatusCode.UNAVAILABLE), faults.lose_answer],
    ids=["refused", "away", "answer lost"],
)
def test_an_error_of_pubsub_fails_no_callback(rig: Rig, topic: PubSub, action: faults.Action) -> None:
    """Two callbacks in a row while Pub/Sub fails: both batches are completed, and the next check tells of them."""
    batches = [open_batch(rig) for _ in range(2)]
    topic.faults.add("Publish", action, times=2)
    for batch in batches:
        process_callback(rig.callback_dependencies, rig.response(batch, "24.80"))
    assert [row["conversion_status"] for row in rig.batches()] == ["completed", "completed"]
    run_check(rig.check_dependencies, forced=False)
    assert told(topic)[-2:] == ["batch.completed", "batch.completed"]
    assert not rig.sql("SELECT id FROM batch_events WHERE published_at IS NULL")


def test_an_error_of_pubsub_fails_no_check(rig: Rig, topic: PubSub) -> None:
    """What the check opened is opened; the next one publishes, in the order of what happened."""
    topic.faults.add("Publish", faults.refuse(StatusCode.PERMISSION_DENIED), times=2)
    for _ in range(2):
        open_batch(rig)
    assert told(topic) == []
    run_check(rig.check_dependencies, forced=False)
    assert told(topic) == ["batch.created", "batch.created"]


def test_an_event_that_is_bad_for_ever_holds_no_other_up(rig: Rig, topic: PubSub) -> None:
    """Pub/Sub refuses one document: those after it go out, and it is tried again by the next check."""
    topic.faults.add("Publish", faults.refuse(StatusCode.INVALID_ARGUMENT), times=1)
    batch = open_batch(rig)
    assert told(topic) == []
    topic.faults.add("Publish", faults.refuse(StatusCode.INVALID_ARGUMENT), times=1)
    process_callback(rig.callback_dependencies, rig.response(batch, "24.80"))
    assert told(topic) == ["batch.completed"]
    run_check(rig.check_dependencies, forced=False)
    assert told(topic) == ["batch.completed", "batch.created"]
    assert [row["published_at"] for row in rig.sql("SELECT published_at FROM batch_events")] == [rig.clock()] * 2


def test_what_went_out_before_the_topic_went_away_does_not_go_again(rig: Rig, topic: PubSub) -> None:
    """The order is kept, and each is marked as it went."""
    topic.faults.add("Publish", faults.refuse(StatusCode.UNAVAILABLE))
    batch = open_batch(rig)
    topic.faults.add("Publish", faults.delay(0))
    topic.faults.add("Publish", faults.refuse(StatusCode.UNAVAILABLE))
    process_callback(rig.callback_dependencies, rig.response(batch, "24.80"))
    assert told(topic) == ["batch.created"]
    run_check(rig.check_dependencies, forced=False)
    assert told(topic) == ["batch.created", "batch.completed"]


def test_a_payout_that_comes_too_late_is_told_at_once(rig: Rig, topic: PubSub) -> None:
    """The callback is refused, and whoever listens hears why."""
    batch = open_batch(rig)
    rig.sql("UPDATE batch_conversions SET conversion_status = 'failed', failure_reason = 'operator'")
    with pytest.raises(BatchConflict):
        process_callback(rig.callback_dependencies, rig.response(batch, "24.80"))
    assert told(topic) == ["batch.created", "batch.paid_late"]


def test_a_turn_has_an_end(rig: Rig, topic: PubSub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is no time for goes out in the next turn; a turn that has any left goes on."""
    monkeypatch.setattr(events, "PUBLISHING_WITHIN_S", 0)
    open_batch(rig)
    assert told(topic) == []
    monkeypatch.setattr(events, "PUBLISHING_WITHIN_S", 1)
    run_check(rig.check_dependencies, forced=False)
    assert told(topic) == ["batch.created"]


def test_facts_are_written_for_any_reader(rig: Rig) -> None:
    """Amounts in digits, counts as numbers, what is not known as null, all else as text."""
    batch_id = open_batch(rig)["batch_conversion_id"]
    facts = {
        "batch_conversion_id": batch_id,
        "amount": Decimal("1E-8"),
        "payments": 2,
        "hash": None,
        "why": Phase.FAILED,
    }
    with rig.callback_dependencies.database.transaction() as transaction:
        events.record(transaction, "batch.stuck", facts, rig.clock())
    (row,) = rig.sql("SELECT data FROM batch_events WHERE event = 'batch.stuck'")
    written = {"amount": "0.00000001", "payments": 2, "hash": None, "why": "Phase.FAILED"}
    at = {"event": "batch.stuck", "occurred_at": rig.clock().isoformat(), "batch_conversion_id": str(batch_id)}
    assert json.loads(row["data"]) == at | written


def test_so_many_events_go_out_at_once(rig: Rig, topic: PubSub) -> None:
    """A hundred a turn, the oldest first."""
    batch = open_batch(rig)
    rig.sql(
        "INSERT INTO batch_events (batch_conversion_id, event, data, occurred_at)"
        " SELECT %s, 'batch.stuck', CAST(number AS text), NOW() FROM generate_series(1, 101) AS number",
        batch["batch_conversion_id"],
    )
    for published in (100, 101):
        run_check(rig.check_dependencies, forced=False)
        sent = [message.data.decode() for message in topic._published[TOPIC]][1:]
        assert sent == [str(number) for number in range(1, published + 1)]


def test_an_event_holds_the_batch_and_when(rig: Rig, topic: PubSub) -> None:
    """Attributes to filter by, a document to read, amounts as strings."""
    batch = open_batch(rig)
    (message,) = topic._published[TOPIC]
    assert dict(message.attributes) == {
        "event": "batch.created",
        "batch_conversion_id": str(batch["batch_conversion_id"]),
    }
    document = json.loads(message.data)
    assert document["total_usd"] == "25.00000000"
    assert document["occurred_at"] == rig.clock().isoformat()
