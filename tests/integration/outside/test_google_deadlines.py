"""Google's clients against peers that never get to an end: the service itself, and the metadata server before it."""

import time
import uuid
from collections.abc import Callable

import pytest
from google.auth import environment_vars
from google.auth.compute_engine import _metadata

from shared.errors import EventsUnavailable, MicroBatchError, OrderRefused, OrderUnknown, SecretUnavailable
from shared.outside import cloud_tasks, google_client, pubsub, secret_manager
from shared.outside.cloud_tasks import OrderQueue
from shared.outside.pubsub import EventPublisher
from shared.outside.secret_manager import SecretManager
from tests.integration.outside.dripping import dripping
from tests.rig import PROJECT, QUEUE

WITHIN_S = 1
MAKING_S = 2  # the libraries are imported in it
ROOT = "/computeMetadata/v1/"
WITHOUT_TOKENS = {
    "/": "",
    ROOT: "",
    ROOT + "project/project-id": PROJECT,
    ROOT + "universe/universe-domain": "googleapis.com",
    ROOT + "universe/universe_domain": "googleapis.com",
}

Question = Callable[[str | None], object]


def send_order(address: str | None) -> object:
    """Send an order."""
    orders = OrderQueue(queue=QUEUE, url="https://host.example/", invoker=None, emulator=address)
    return orders.enqueue_gchostpay1_batch_execution(uuid.uuid4(), "token")


QUESTIONS: dict[str, tuple[Question, tuple[type[MicroBatchError], ...], int]] = {
    "Secret Manager": (lambda address: SecretManager(PROJECT, address).read_latest("LEVER"), (SecretUnavailable,), 1),
    "Pub/Sub": (
        lambda address: EventPublisher("projects/p/topics/t", address).publish(uuid.uuid4(), "batch.created", "{}"),
        (EventsUnavailable,),
        1,
    ),
    "Cloud Tasks": (send_order, (OrderUnknown, OrderRefused), 3),
}
EACH = pytest.mark.parametrize("name", QUESTIONS)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a second where production waits for five or ten."""
    monkeypatch.setattr(google_client, "MAKING_WITHIN_S", MAKING_S)
    monkeypatch.setattr(secret_manager, "READ_TIMEOUT_S", WITHIN_S)
    monkeypatch.setattr(pubsub, "PUBLISH_TIMEOUT_S", WITHIN_S)
    monkeypatch.setattr(cloud_tasks, "ATTEMPT_TIMEOUT_S", WITHIN_S)
    monkeypatch.setattr(cloud_tasks, "ORDER_WITHIN_S", 3 * WITHIN_S)


def asked_s(name: str, address: str | None) -> tuple[float, MicroBatchError]:
    """How long a question takes to end in one of our own errors, and in which."""
    ask, errors, _ = QUESTIONS[name]
    began_s = time.monotonic()
    with pytest.raises(errors) as caught:
        ask(address)
    return time.monotonic() - began_s, caught.value


@EACH
@pytest.mark.parametrize("way", ["nothing", "a body"])
def test_a_service_that_drips_is_given_up_in_time(name: str, way: str) -> None:
    """All attempts of a call together."""
    asked_s(name, "127.0.0.1:1")  # imports
    with dripping(way) as peer:
        took_s, _ = asked_s(name, f"127.0.0.1:{peer.port}")
    assert took_s < QUESTIONS[name][2] * WITHIN_S + 1


@EACH
def test_a_metadata_server_that_drips_is_given_up_in_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials there is no client; nothing was asked, so that surely no order left."""
    with dripping("the status line") as peer:
        be_on_google(monkeypatch, peer.port)
        took_s, error = asked_s(name, None)
    assert took_s < MAKING_S + 1
    assert not isinstance(error, OrderUnknown)


@EACH
def test_a_metadata_server_that_drips_tokens_is_given_up_in_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is there, its token never comes: the call waits for no longer than it may; its outcome is unknown."""
    with dripping("headers", whole=WITHOUT_TOKENS) as peer:
        be_on_google(monkeypatch, peer.port)
        took_s, error = asked_s(name, None)
    assert peer.accepted > 1  # it got beyond the first question
    assert took_s < MAKING_S + QUESTIONS[name][2] * WITHIN_S + 1
    assert not isinstance(error, OrderRefused)


def test_calls_that_hang_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is asked: some threads wait for the peer, and whoever comes after them is told at once."""
    monkeypatch.setattr(google_client, "MAKING_WITHIN_S", 0.05)
    with dripping("the status line") as peer:
        be_on_google(monkeypatch, peer.port)
        secrets = SecretManager(PROJECT, None)
        for _ in range(20):
            with pytest.raises(SecretUnavailable):
                secrets.read_latest("LEVER")
        with pytest.raises(SecretUnavailable, match="still hang"):
            secrets.read_latest("LEVER")


def be_on_google(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Let Google's libraries find the metadata server at a port of this machine."""
    monkeypatch.delenv(environment_vars.NO_GCE_CHECK, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nonexistent")
    monkeypatch.setenv(environment_vars.GCE_METADATA_IP, f"127.0.0.1:{port}")
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", f"127.0.0.1:{port}")
