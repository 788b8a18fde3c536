"""Secret Manager: the operators' levers, read through the API in every check."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from shared.errors import SecretMissing, SecretUnavailable
from shared.outside.google_client import GoogleClient

if TYPE_CHECKING:
    from google.cloud.secretmanager_v1 import AccessSecretVersionResponse, SecretManagerServiceClient

READ_TIMEOUT_S: Final = 10  # of one read, repetitions included


class SecretValue(NamedTuple):
    """A secret's payload and the version that *latest* was."""

    payload: bytes
    version: str


class SecretManager:
    """Reads the newest version of a project's secrets; *ids* tells which are called otherwise there."""

    def __init__(self, project: str, emulator: str | None, ids: Mapping[str, str] | None = None) -> None:
        self._project = project
        self._emulator = emulator
        self._ids = ids or {}
        self.client = GoogleClient(self._new_client)

    def read_latest(self, secret_id: str) -> SecretValue:
        """Read version ``latest`` (the one created last, whatever its state).

        Raises SecretMissing where there is no such secret, SecretUnavailable for all else: disabled, no right, silence.
        """
        secret_id = self._ids.get(secret_id, secret_id)
        try:
            self.client.get()  # first, so that prepare() imports alone
        except TimeoutError as error:
            raise SecretUnavailable(f"secret {secret_id} cannot be read: {_reason(error)}") from error
        import google_crc32c
        from google.api_core import exceptions

        name = f"projects/{self._project}/secrets/{secret_id}/versions/latest"
        try:
            answer = self.client.call(READ_TIMEOUT_S, partial(_access, name=name))
        except exceptions.NotFound as error:
            raise SecretMissing(f"secret {secret_id} has no version") from error
        except (exceptions.GoogleAPIError, TimeoutError) as error:
            raise SecretUnavailable(f"secret {secret_id} cannot be read: {_reason(error)}") from error
        payload = answer.payload
        if "data_crc32c" in payload and google_crc32c.value(payload.data) != payload.data_crc32c:
            raise SecretUnavailable(f"secret {secret_id} arrived damaged (CRC-32C differs)")
        return SecretValue(payload.data, answer.name.rpartition("/")[2])

    def _new_client(self) -> "SecretManagerServiceClient":
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.secretmanager_v1 import SecretManagerServiceClient

        if not self._emulator:
            try:
                return SecretManagerServiceClient()
            except GoogleAuthError as error:
                raise SecretUnavailable(f"Secret Manager cannot be asked: {_reason(error)}") from error
        import grpc
        from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
            SecretManagerServiceGrpcTransport,
        )

        channel = grpc.insecure_channel(self._emulator)
        return SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=channel))


def _access(client: "SecretManagerServiceClient", *, name: str) -> "AccessSecretVersionResponse":
    from google.api_core.retry import Retry

    retry = Retry(timeout=READ_TIMEOUT_S)  # the client's own goes on for a minute
    return client.access_secret_version(name=name, timeout=READ_TIMEOUT_S, retry=retry)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
