"""The Secret Manager stand-in under Google's own client, over gRPC."""

from collections.abc import Iterator

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1 import types
from google_crc32c import value as crc32c

from sandbox.google.secret_manager.server import SecretManager
from sandbox.wire.faults import delay, hang, lose_answer, refuse, status
from sandbox.wire.google_clients import secrets_client

SECRET = "projects/p/secrets/threshold"
LATEST = f"{SECRET}/versions/latest"


@pytest.fixture
def server() -> Iterator[SecretManager]:
    with SecretManager() as running:
        yield running


@pytest.fixture
def client(server: SecretManager) -> Iterator[secretmanager_v1.SecretManagerServiceClient]:
    with secrets_client(server.address) as client:
        yield client


def read(client: secretmanager_v1.SecretManagerServiceClient, name: str = LATEST) -> bytes:
    return client.access_secret_version(name=name, retry=None, timeout=5).payload.data


def test_a_version_written_by_the_client_is_read_back_with_its_checksum(
    client: secretmanager_v1.SecretManagerServiceClient,
) -> None:
    """CreateSecret, AddSecretVersion and AccessSecretVersion agree on name, bytes and CRC-32C."""
    client.create_secret(
        parent="projects/p",
        secret_id="threshold",
        secret=types.Secret(replication={"automatic": {}}),
    )
    added = client.add_secret_version(parent=SECRET, payload=types.SecretPayload(data=b"20.00\n"))
    answer = client.access_secret_version(name=LATEST)
    assert added.name == answer.name == f"{SECRET}/versions/1"
    assert answer.payload.data == b"20.00\n"
    assert "data_crc32c" in answer.payload
    assert answer.payload.data_crc32c == crc32c(b"20.00\n")
    assert crc32c(b"123456789") == 0xE3069283


def test_latest_is_the_newest_created_version(
    server: SecretManager, client: secretmanager_v1.SecretManagerServiceClient
) -> None:
    """A new version is served at once, and the old one stays readable by its number."""
    server.add_version("p", "threshold", "20")
    server.add_version("p", "threshold", b"1000")
    assert read(client) == b"1000"
    assert read(client, f"{SECRET}/versions/1") == b"20"
    assert server.accesses == [f"{SECRET}/versions/2", f"{SECRET}/versions/1"]


def test_latest_does_not_fall_back_when_disabled_or_destroyed(
    server: SecretManager, client: secretmanager_v1.SecretManagerServiceClient
) -> None:
    """Reading a disabled or destroyed newest version is FAILED_PRECONDITION, naming the state."""
    server.add_version("p", "threshold", "20")
    server.add_version("p", "threshold", "1000")
    server.disable("p", "threshold")
    with pytest.raises(exceptions.FailedPrecondition, match=r"versions/2\] is in DISABLED state"):
        read(client)
    client.enable_secret_version(name=f"{SECRET}/versions/2")
    assert read(client) == b"1000"
    client.destroy_secret_version(name=f"{SECRET}/versions/2")
    with pytest.raises(exceptions.FailedPrecondition, match="DESTROYED"):
        read(client)
    with pytest.raises(exceptions.FailedPrecondition, match="DESTROYED"):
        client.enable_secret_version(name=f"{SECRET}/versions/2")
    assert read(client, f"{SECRET}/versions/1") == b"20"


def test_versions_are_listed_newest_first_over_pages(
    server: SecretManager, client: secretmanager_v1.SecretManagerServiceClient
) -> None:
    """The client's pager walks all versions, with their states."""
    for value in ("1", "2", "3"):
        server.add_version("p", "threshold", value)
    client.disable_secret_version(name=f"{SECRET}/versions/2")
    pages = client.list_secret_versions(request={"parent": SECRET, "page_size": 2})
    assert [(version.name[-1], version.state.name) for version in pages] == [
        ("3", "ENABLED"),
        ("2", "DISABLED"),
        ("1", "ENABLED"),
    ]
    assert client.get_secret_version(name=LATEST).name == f"{SECRET}/versions/3"


def test_what_is_missing_or_bad_is_refused_as_google_does(
    server: SecretManager, client: secretmanager_v1.SecretManagerServiceClient
) -> None:
    """NotFound, AlreadyExists and InvalidArgument, and nothing is stored by a refused call."""
    with pytest.raises(exceptions.NotFound, match="not found or has no versions"):
        read(client)
    server.add_version("p", "threshold", "20")
    with pytest.raises(exceptions.NotFound):
        read(client, f"{SECRET}/versions/7")
    with pytest.raises(exceptions.AlreadyExists):
        client.create_secret(parent="projects/p", secret_id="threshold", secret=types.Secret())
    for payload in ({"data": b""}, {"data": b"x" * 65537}, {"data": b"1", "data_crc32c": 1}):
        with pytest.raises(exceptions.InvalidArgument):
            client.add_secret_version(parent=SECRET, payload=types.SecretPayload(payload))
    with pytest.raises(exceptions.MethodNotImplemented):
        client.delete_secret(name=SECRET)
    assert read(client) == b"20"
    server.delete_secret("p", "threshold")
    with pytest.raises(exceptions.NotFound):
        read(client)


def test_faults_are_met_in_order_and_only_once(
    server: SecretManager, client: secretmanager_v1.SecretManagerServiceClient
) -> None:
    """A refusal, a hang and a delay reach the client as the wire would bring them."""
    server.add_version("p", "threshold", "20")
    server.faults.add("AccessSecretVersion", refuse(grpc.StatusCode.PERMISSION_DENIED))
    server.faults.add("AccessSecretVersion", hang)
    server.faults.add("AccessSecretVersion", delay(0.05))
    with pytest.raises(exceptions.PermissionDenied):
        read(client)
    with pytest.raises(exceptions.DeadlineExceeded):
        client.access_secret_version(name=LATEST, retry=None, timeout=0.1)
    assert read(client) == b"20"
    assert len(server.faults.taken) == 3
    assert server.faults.waiting == 0


def test_a_lost_answer_leaves_the_work_done(
    server: SecretManager, client: secretmanager_v1.SecretManagerServiceClient
) -> None:
    """The caller sees UNAVAILABLE, and the version is there all the same."""
    server.add_version("p", "threshold", "20")
    server.faults.add("AddSecretVersion", lose_answer)
    with pytest.raises(exceptions.ServiceUnavailable):
        client.add_secret_version(parent=SECRET, payload=types.SecretPayload(data=b"30"), retry=None)
    assert read(client) == b"30"


def test_faults_can_be_aimed_at_one_request_and_are_refused_where_unknown(
    server: SecretManager, client: secretmanager_v1.SecretManagerServiceClient
) -> None:
    """A fault waits for its own request; an HTTP fault cannot be given to a gRPC server."""
    server.add_version("p", "other", "1")
    server.add_version("p", "threshold", "20")
    denied = refuse(grpc.StatusCode.PERMISSION_DENIED)
    server.faults.add("*", denied, where=lambda request: "threshold" in str(request))
    assert read(client, "projects/p/secrets/other/versions/latest") == b"1"
    with pytest.raises(exceptions.PermissionDenied):
        read(client)
    with pytest.raises(TypeError):
        server.faults.add("AccessSecretVersion", status(503))
    with pytest.raises(ValueError, match="at least 1"):
        server.faults.add("AccessSecretVersion", hang, times=0)


def test_a_stopped_server_comes_back_on_its_address_with_what_it_knew() -> None:
    """An outage: unavailable in between, the same address and contents afterwards."""
    server = SecretManager()
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = server.address
    with server:
        server.add_version("p", "threshold", "20")
        address = server.address
        server.stop()
        with secrets_client(address) as client, pytest.raises(exceptions.ServiceUnavailable):
            read(client)
        server.start()
        assert server.address == address
        with secrets_client(address) as client:
            assert read(client) == b"20"
    server.stop()
