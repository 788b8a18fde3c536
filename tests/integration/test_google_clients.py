"""Google's clients where they cannot even be made: no credentials, as when the metadata server does not answer."""

import threading
import uuid
from pathlib import Path

import pytest

from sandbox.secret_manager import SecretManager as SecretManagerServer
from shared.cloud_tasks import OrderQueue
from shared.errors import OrderRefused, SecretUnavailable
from shared.secret_manager import SecretManager
from tests.rig import PROJECT, QUEUE


@pytest.fixture
def without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Google's libraries find no credentials."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))


@pytest.mark.usefixtures("without_credentials")
def test_a_secret_that_nobody_may_read_is_unavailable(capfd: pytest.CaptureFixture[str]) -> None:
    """The last valid value serves; the attempt beside the database says nothing by itself."""
    secrets = SecretManager(PROJECT, None)
    secrets.prepare()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "_prepared" in thread.name:
            thread.join()
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
        secrets.prepare()
        made = secrets._client()
        assert secrets.read_latest("LEVER").payload == b"20"
        assert secrets._client() is made
