"""Google's own Pub/Sub emulator: it pushes ticks to check_threshold and takes the events of swap_executed."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from google import pubsub_v1 as types
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.subscriber import SubscriberClient

from sandbox.postgres.server import Postgres
from sandbox.postgres.session import query
from sandbox.wire.google_clients import publisher_client, subscriber_client
from tests.e2e.stage import Stage, running_stage
from tests.rig import PROJECT, Peers

START_S: Final = 40.0
TICKS: Final = f"projects/{PROJECT}/topics/micro-batch-trigger"
EVENTS: Final = f"projects/{PROJECT}/topics/micro-batch-events"
PUSHED: Final = f"projects/{PROJECT}/subscriptions/eventarc-check-threshold"
PULLED: Final = f"projects/{PROJECT}/subscriptions/listener"

pytestmark = pytest.mark.timeout(180)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The emulator's address; it is a tree of processes (gcloud, a shell, Java), which ends as one group."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        pytest.skip("the Pub/Sub emulator needs gcloud and Java, which are not both here")
    if not (Path(gcloud).resolve().parents[1] / "platform" / "pubsub-emulator").is_dir():
        pytest.skip("gcloud is here without its component pubsub-emulator")
    folder = tmp_path_factory.mktemp("emulator")
    (folder / "data").mkdir()
    port = free_port()
    command = [gcloud, "beta", "emulators", "pubsub", "start", "--quiet"]
    command += [f"--project={PROJECT}", f"--host-port=127.0.0.1:{port}", f"--data-dir={folder / 'data'}"]
    environment = {**os.environ, "CLOUDSDK_CONFIG": str(folder / "config"), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    try:
        await_start(process, port, folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def await_start(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once the emulator listens."""
    deadline = time.monotonic() + START_S
    while not answers(port):
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.05)


@pytest.fixture(scope="module")
def database_url(postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """A database for the tests of this module."""
    postgres.create_database("emulator", migrated_template)
    yield postgres.url("emulator")
    postgres.drop_database("emulator")


@pytest.fixture(scope="module")
def running(
    emulator: str, database_url: str, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Both functions as processes that know the emulator by PUBSUB_EMULATOR_HOST alone."""
    settings = {"PUBSUB_EMULATOR_HOST": emulator, "BATCH_EVENTS_TOPIC": "micro-batch-events"}
    folder = tmp_path_factory.mktemp("functions")
    with running_stage(database_url, peers, folder, settings=settings) as stage:
        yield stage


@pytest.fixture(scope="module")
def publisher(emulator: str) -> Iterator[PublisherClient]:
    """A publisher with both topics made."""
    with publisher_client(emulator) as client:
        for topic in (TICKS, EVENTS):
            client.create_topic(name=topic, timeout=20)
        yield client


@pytest.fixture(scope="module")
def subscriber(emulator: str, publisher: PublisherClient, running: Stage) -> Iterator[SubscriberClient]:
    """A subscriber, with a push subscription to check_threshold and one to pull events from."""
    with subscriber_client(emulator) as client:
        push = types.PushConfig(push_endpoint=running.check_threshold.url)
        for name, topic, config in ((PUSHED, TICKS, push), (PULLED, EVENTS, None)):
            client.create_subscription(
                request=types.Subscription(name=name, topic=topic, push_config=config, ack_deadline_seconds=10),
                timeout=20,
            )
        yield client


def publish_tick(publisher: PublisherClient, **attributes: str) -> None:
    """Publish what Cloud Scheduler publishes."""
    message = types.PubsubMessage(data=b"check", attributes=attributes)
    publisher.publish(topic=TICKS, messages=[message], timeout=20)


def wait_until(look: Callable[[], bool], what: str) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline, f"{what} has not come"
        time.sleep(0.02)


def pull(subscriber: SubscriberClient, count: int) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """Pull and acknowledge so many events: attributes and data."""
    found: list[tuple[dict[str, str], dict[str, Any]]] = []
    deadline = time.monotonic() + 20
    while len(found) < count:
        assert time.monotonic() < deadline, found
        answer = subscriber.pull(subscription=PULLED, max_messages=10, timeout=20)
        for received in answer.received_messages:
            found.append((dict(received.message.attributes), json.loads(received.message.data)))
            subscriber.acknowledge(subscription=PULLED, ack_ids=[received.ack_id], timeout=20)
    return found


def test_pushed_ticks_and_published_events(
    running: Stage, publisher: PublisherClient, subscriber: SubscriberClient
) -> None:
    """A tick below the threshold, a forced one, the callback: each event comes out with its attributes and facts."""
    stage = running
    stage.reset()
    stage.rig.pay("10.00")
    publish_tick(publisher)
    wait_until(lambda: bool(stage.rig.checks()), "the check")
    assert stage.reason() == "below_threshold"
    publish_tick(publisher, force="true")
    wait_until(lambda: "batch_created" in stage.events(), "the order")
    assert stage.reason() == "forced"
    batch = stage.assert_ordered_once()
    stage.rig.pay_out(batch, "9.70")
    assert stage.call_back(stage.rig.response(batch, "9.70")).status_code == 200

    batch_id = str(batch["batch_conversion_id"])
    events = {attributes["event"]: (attributes, data) for attributes, data in pull(subscriber, 2)}
    assert set(events) == {"batch.created", "batch.completed"}
    for event, (attributes, data) in events.items():
        assert attributes == {"event": event, "batch_conversion_id": batch_id}
        assert (data["event"], data["batch_conversion_id"], data["total_usd"]) == (event, batch_id, "10.00000000")
        assert data["occurred_at"].endswith("+00:00")
    assert events["batch.completed"][1]["received_usdt"] == "9.70000000"
    assert all(row["published_at"] for row in stage.rig.sql("SELECT published_at FROM batch_events"))
    stage.spoken()


def test_a_tick_that_fails_is_pushed_again(
    running: Stage, publisher: PublisherClient, subscriber: SubscriberClient, postgres: Postgres
) -> None:
    """The database lets nobody in for a moment: 500, and the emulator, as Pub/Sub does, delivers again."""
    stage = running
    stage.reset()
    query(postgres.url("postgres"), "ALTER DATABASE emulator ALLOW_CONNECTIONS false")
    stage.rig.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'emulator' AND pid <> pg_backend_pid()"
    )
    publish_tick(publisher)
    wait_until(lambda: "database_unavailable" in stage.events(), "the failed check")
    assert stage.rig.checks() == []
    query(postgres.url("postgres"), "ALTER DATABASE emulator ALLOW_CONNECTIONS true")
    wait_until(lambda: bool(stage.rig.checks()), "the check")
    assert stage.reason() == "below_threshold"
