"""Batch events: published after the commit, at least once, and never in the way of the money."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from grpc import StatusCode

from sandbox.google.pubsub.server import PubSub
from sandbox.wire import faults
from shared.flow.callback import process_callback
from shared.flow.check import run_check
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
