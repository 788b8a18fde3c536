"""The Pub/Sub stand-in under Google's own clients, pushing to real HTTP servers."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import functions_framework
import grpc
import pytest
from cloudevents.http import from_http
from google import pubsub_v1 as types
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from werkzeug.serving import make_server

from sandbox.google.pubsub.server import PubSub
from sandbox.wire.faults import hang, lose_answer, refuse
from sandbox.wire.http_server import Answer, Responder
from tests.sandbox.first_request import hold_first

TOPIC = "projects/p/topics/trigger"
SUBSCRIPTION = "projects/p/subscriptions/eventarc-trigger"
PATIENCE_S = 10
FUNCTION = """
import functions_framework
events = []
@functions_framework.cloud_event
def check(event):
    events.append(event)
    with open({path!r}, "a") as file:
        file.write(event["id"] + " " + str(event.data["message"].get("attributes")) + "\\n")
"""


@pytest.fixture
def server() -> Iterator[PubSub]:
    with PubSub(redelivery_min_s=0.001, redelivery_max_s=0.002) as running:
        running.create_topic(TOPIC)
        yield running


@pytest.fixture
def publisher(server: PubSub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
    with PublisherClient() as client:
        yield client


@pytest.fixture
def subscriber(server: PubSub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
    with SubscriberClient() as client:
        yield client


def publish(publisher: Any, data: bytes = b"", **attributes: str) -> str:
    """Publish one message and give its id."""
    return str(publisher.publish(TOPIC, data, **attributes).result(timeout=PATIENCE_S))


def test_a_message_is_pushed_as_the_cloud_event_that_eventarc_sends(
    server: PubSub, publisher: Any, subscriber: Any, target: Responder
) -> None:
    """Google's own reader of CloudEvents finds id, source, type, time and the push document."""
    push = types.PushConfig(push_endpoint=f"{target.url}/?x=1")
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC, push_config=push)
    message_id = publish(publisher, b"\x00tick", force="true")
    server.wait_delivered(PATIENCE_S)
    (came,) = target.requests
    event = from_http(came.headers, came.body)
    assert (came.path, came.query) == ("/", {"x": "1"})
    assert event["id"] == message_id
    assert event["specversion"] == "1.0"
    assert event["type"] == "google.cloud.pubsub.topic.v1.messagePublished"
    assert event["source"] == f"//pubsub.googleapis.com/{TOPIC}"
    assert came.headers["content-type"] == "application/json"
    assert "ce-subject" not in came.headers
    document = event.get_data()
    assert document is not None
    assert document["subscription"] == SUBSCRIPTION
    message = document["message"]
    assert base64.b64decode(message["data"]) == b"\x00tick"
    assert message["attributes"] == {"force": "true"}
    assert message["messageId"] == message["message_id"] == message_id
    assert message["publishTime"] == message["publish_time"] == event["time"]
    published_at = datetime.fromisoformat(event["time"])
    assert abs(datetime.now(UTC) - published_at) < timedelta(minutes=1)


def test_a_message_of_attributes_only_has_no_data_key(server: PubSub, publisher: Any, target: Responder) -> None:
    """As in Google's captures, what a message does not have is not in its document."""
    server.create_subscription(SUBSCRIPTION, TOPIC, push_endpoint=target.url)
    publish(publisher, force="true")
    publish(publisher, b"only data")
    server.wait_delivered(PATIENCE_S)
    documents = [json.loads(came.body)["message"] for came in target.requests]
    assert {("data" in document, "attributes" in document) for document in documents} == {
        (False, True),
        (True, False),
    }


def test_a_function_of_the_functions_framework_is_reached(server: PubSub, publisher: Any, tmp_path: Path) -> None:
    """A real event function takes the push, and its 200 ends the delivery."""
    source, log = tmp_path / "main.py", tmp_path / "log"
    source.write_text(FUNCTION.format(path=str(log)))
    app = functions_framework.create_app("check", str(source), "cloudevent")
    web = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{web.server_port}/"
        server.create_subscription(SUBSCRIPTION, TOPIC, push_endpoint=endpoint)
        message_id = publish(publisher, force="true")
        server.wait_delivered(PATIENCE_S)
    finally:
        web.shutdown()
        web.server_close()
        thread.join()
    assert log.read_text() == f"{message_id} {{'force': 'true'}}\n"
    assert [delivery.status for delivery in server.deliveries] == [200]


def test_a_push_is_repeated_until_its_status_is_good(server: PubSub, publisher: Any, target: Responder) -> None:
    """4xx, 5xx and redirects are no acknowledgement; the same message comes again, with its id."""
    statuses = iter((500, 404, 302, 204))
    target.respond = lambda _: Answer(next(statuses))
    server.create_subscription(SUBSCRIPTION, TOPIC, push_endpoint=target.url)
    message_id = publish(publisher, b"x")
    server.wait_delivered(PATIENCE_S)
    made = server.deliveries
    assert [delivery.status for delivery in made] == [500, 404, 302, 204]
    assert [delivery.number for delivery in made] == [1, 2, 3, 4]
    assert {delivery.message_id for delivery in made} == {message_id}
    assert len({came.body for came in target.requests}) == 1


def test_a_subscription_s_own_retry_policy_sets_the_waits(target: Responder) -> None:
    """Backoffs of 10 and 15 s, at a time scale of 100, are waits of 0.1 and 0.15 s."""
    statuses = iter((500, 500, 500, 200))
    target.respond = lambda _: Answer(next(statuses))
    with PubSub(time_scale=100) as server:
        server.create_topic(TOPIC)
        server.create_subscription(
            SUBSCRIPTION,
            TOPIC,
            push_endpoint=target.url,
            minimum_backoff=timedelta(seconds=10),
            maximum_backoff=timedelta(seconds=15),
        )
        server.publish(TOPIC, b"x")
        server.wait_delivered(PATIENCE_S)
    sent = [delivery.sent_at for delivery in server.deliveries]
    gaps = [(sent[index + 1] - sent[index]).total_seconds() for index in range(3)]
    assert gaps[0] >= 0.1
    assert gaps[1] >= 0.15
    assert gaps[2] >= 0.15
    assert sum(gaps) < 3


def test_a_handler_that_does_not_answer_in_time_is_sent_the_message_again(
    target: Responder,
) -> None:
    """No answer before the deadline is no acknowledgement."""
    release = hold_first(target)
    with PubSub(deadline_s=0.1, redelivery_min_s=0.001) as server:
        server.create_topic(TOPIC)
        server.create_subscription(SUBSCRIPTION, TOPIC, push_endpoint=target.url)
        server.publish(TOPIC, b"x")
        server.wait_delivered(PATIENCE_S)
    release.set()
    assert [delivery.error for delivery in server.deliveries] == ["no answer within 0.1 s", None]


def test_a_message_can_be_delivered_twice(server: PubSub, target: Responder) -> None:
    """A duplicate has the same message id, as at-least-once delivery may bring it."""
    server.create_subscription(SUBSCRIPTION, TOPIC, push_endpoint=target.url)
    message_id = server.publish(TOPIC, force="true")
    server.wait_delivered(PATIENCE_S)
    server.repeat(TOPIC, message_id)
    server.wait_delivered(PATIENCE_S)
    assert [came.headers["ce-id"] for came in target.requests] == [message_id] * 2
    assert len(server.published(TOPIC)) == 1


def test_every_subscription_gets_what_is_published_after_it_was_made(
    server: PubSub, publisher: Any, subscriber: Any
) -> None:
    """Two pullers each get the message; what was published before they came is not for them."""
    publish(publisher, b"early")
    others = [f"{SUBSCRIPTION}-{number}" for number in range(2)]
    for name in others:
        subscriber.create_subscription(name=name, topic=TOPIC)
    publish(publisher, b"late", n="1")
    for name in others:
        answer = subscriber.pull(subscription=name, max_messages=10, timeout=PATIENCE_S)
        (received,) = answer.received_messages
        assert received.message.data == b"late"
        assert dict(received.message.attributes) == {"n": "1"}
        subscriber.acknowledge(subscription=name, ack_ids=[received.ack_id])
    assert [message.data for message in server.published(TOPIC)] == [b"early", b"late"]
    server.published(TOPIC)[0].data = b"changed"
    assert server.published(TOPIC)[0].data == b"early"


def test_a_pulled_message_comes_again_unless_it_is_acknowledged(server: PubSub, subscriber: Any) -> None:
    """Leased messages are hidden; given back, they are there at once; acknowledged, never again."""
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    first, second = server.publish(TOPIC, b"1"), server.publish(TOPIC, b"2")

    def pull(count: int) -> list[str]:
        answer = subscriber.pull(subscription=SUBSCRIPTION, max_messages=count, timeout=PATIENCE_S, retry=None)
        return [received.ack_id for received in answer.received_messages]

    (one,) = pull(1)
    (two,) = pull(10)
    subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[two])
    subscriber.modify_ack_deadline(subscription=SUBSCRIPTION, ack_ids=[one], ack_deadline_seconds=0)
    assert (one, two) == (first, second)
    assert pull(10) == [first]
    assert server.published(TOPIC)[0].message_id == first


def test_a_lease_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the acknowledgement deadline (10 s, scaled to 0.05 s) the message is free again."""
    with PubSub(time_scale=200) as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        server.create_topic(TOPIC)
        server.create_subscription(SUBSCRIPTION, TOPIC)
        server.publish(TOPIC, b"1")
        with SubscriberClient() as subscriber:
            pulled_at = time.monotonic()
            for _ in range(2):
                answer = subscriber.pull(subscription=SUBSCRIPTION, max_messages=1)
                assert len(answer.received_messages) == 1
    assert time.monotonic() - pulled_at >= 0.05


def test_topics_can_be_made_and_found_and_what_is_missing_is_refused(
    server: PubSub, publisher: Any, subscriber: Any
) -> None:
    """NotFound, AlreadyExists and InvalidArgument as Pub/Sub gives them."""
    other = "projects/p/topics/events"
    publisher.create_topic(name=other)
    assert publisher.get_topic(topic=other).name == other
    assert [topic.name for topic in publisher.list_topics(project="projects/p")] == [TOPIC, other]
    with pytest.raises(exceptions.AlreadyExists):
        publisher.create_topic(name=other)
    with pytest.raises(exceptions.NotFound, match="Resource not found"):
        publisher.publish("projects/p/topics/none", b"x").result(timeout=PATIENCE_S)
    with pytest.raises(exceptions.NotFound):
        subscriber.create_subscription(name=SUBSCRIPTION, topic="projects/p/topics/none")
    with pytest.raises(exceptions.NotFound):
        subscriber.pull(subscription=SUBSCRIPTION, max_messages=1)
    with pytest.raises(exceptions.InvalidArgument):
        publish(publisher)
    with pytest.raises(exceptions.MethodNotImplemented):
        publisher.delete_topic(topic=other)
    assert server.published(TOPIC) == []


def test_faults_of_publish(server: PubSub, publisher: Any) -> None:
    """Refused and hung: nothing is published. Answer lost: the client's retry makes a duplicate."""
    server.faults.add("Publish", refuse(grpc.StatusCode.PERMISSION_DENIED))
    with pytest.raises(exceptions.PermissionDenied):
        publish(publisher, b"x")
    server.faults.add("Publish", hang)
    with pytest.raises(exceptions.DeadlineExceeded):
        publisher.publish(TOPIC, b"x", retry=None, timeout=0.1).result(timeout=PATIENCE_S)
    assert server.published(TOPIC) == []
    server.faults.add("Publish", lose_answer)
    publish(publisher, b"x")
    assert [message.data for message in server.published(TOPIC)] == [b"x", b"x"]


def test_what_is_outstanding_is_pushed_after_an_outage(target: Responder) -> None:
    """stop() ends a repeated push at once; start() takes it up again."""
    target.respond = lambda _: Answer(500)
    server = PubSub(redelivery_min_s=0.001, redelivery_max_s=0.001)
    with server:
        server.create_topic(TOPIC)
        server.create_subscription(SUBSCRIPTION, TOPIC, push_endpoint=target.url)
        server.publish(TOPIC, b"x")
        with pytest.raises(TimeoutError, match="eventarc"):
            server.wait_delivered(0.05)
        server.stop()
        made = len(server.deliveries)
        target.respond = lambda _: Answer(200)
        assert made == len(server.deliveries)
        server.start()
        server.wait_delivered(PATIENCE_S)
        server.wait_published(TOPIC, 1, PATIENCE_S)
        with pytest.raises(TimeoutError, match="1 of 2"):
            server.wait_published(TOPIC, 2, 0.01)
    assert server.deliveries[-1].status == 200
