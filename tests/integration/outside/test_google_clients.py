"""Google's clients where they cannot even be made: no credentials, as when the metadata server does not answer."""

import gc
import threading
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.google.secret_manager.server import SecretManager as SecretManagerServer
from shared.errors import EventsUnavailable, ExchangeUnfinished, OrderRefused, SecretUnavailable
from shared.flow.callback import process_callback
from shared.outside.cloud_tasks import OrderQueue
from shared.outside.pubsub import EventPublisher
from shared.outside.secret_manager import SecretManager
from tests.rig import PROJECT, QUEUE, Rig


@pytest.fixture
def without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Google's libraries find no credentials."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))


def join_preparing() -> None:
    """Wait for clients that are being made beside."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "_try_to_make" in thread.name:
            thread.join()


@pytest.mark.usefixtures("without_credentials")
def test_a_secret_that_nobody_may_read_is_unavailable(capfd: pytest.CaptureFixture[str]) -> None:
    """The last valid value serves; the attempt beside the database says nothing by itself."""
    secrets = SecretManager(PROJECT, None)
    secrets.client.prepare()
    join_preparing()
    with pytest.raises(SecretUnavailable, match="DefaultCredentialsError"):
        secrets.read_latest("MICRO_BATCH_THRESHOLD_USD")
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.usefixtures("without_credentials")
def test_an_order_that_nobody_may_send_is_surely_not_sent() -> None:
    """No task was made, so that the next check may send it."""
    orders = OrderQueue(queue=QUEUE, url="https://host.example/", invoker=None, emulator=None)
    with pytest.raises(OrderRefused, match="DefaultCredentialsError"):
        orders.enqueue_gchostpay1_batch_execution(uuid.uuid4(), "token")


def test_the_client_made_beside_is_the_one_that_reads() -> None:
    """One client, whoever comes first."""
    with SecretManagerServer() as server:
        server.add_version(PROJECT, "LEVER", "20")
        secrets = SecretManager(PROJECT, server.address)
        secrets.client.prepare()
        made = secrets.client.get()
        assert secrets.read_latest("LEVER").payload == b"20"
        assert secrets.client.get() is made


@pytest.mark.usefixtures("without_credentials")
def test_an_event_that_nobody_may_publish_waits() -> None:
    """The money is where it should be by then; the next check tries again."""
    publisher = EventPublisher("projects/p/topics/batch-events", None)
    for _ in range(2):
        with pytest.raises(EventsUnavailable, match="DefaultCredentialsError"):
            publisher.publish(uuid.uuid4(), "batch.completed", "{}")
        assert gc.isenabled()  # paused while a client is made, however that ends


def test_the_event_client_is_made_while_changenow_is_asked(rig: Rig) -> None:
    """A callback that gets as far as that will publish, if not now; whatever ChangeNow says, the client is made."""
    rig.pay("25.00")
    rig.check()
    (batch,) = rig.batches()
    publisher = EventPublisher("projects/p/topics/batch-events", "127.0.0.1:1")
    desk = replace(rig.callback_dependencies, publisher=publisher)
    with pytest.raises(ExchangeUnfinished):
        process_callback(desk, rig.response(batch, "24.80"))
    join_preparing()
    assert publisher.client.is_made
