"""Secret Manager for those who set the levers: the newest version of a secret, and a new one on top."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.api_core import exceptions
from google.api_core.retry import Retry

from ops.command_line.failures import NotDone
from ops.outside.environment import optional, project
from shared.errors import SecretUnavailable
from shared.outside.secret_manager import SecretManager

if TYPE_CHECKING:
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

TIMEOUT_S: Final = 8  # somebody waits at the keyboard
RETRY: Final = Retry(timeout=TIMEOUT_S)


@dataclass(frozen=True)
class Version:
    """A secret's newest version: its number, and its payload as it is stored."""

    number: str
    payload: bytes


class LeverSecrets:
    """Reads and adds versions of the levers' secrets; a secret that is missing is made only when told to."""

    def __init__(self) -> None:
        self._project = project()
        self._secrets = SecretManager(self._project, optional("SECRET_MANAGER_EMULATOR_HOST"))

    def newest(self, secret_id: str) -> Version | None:
        """Return the newest version, None where there is none; raises SecretUnavailable."""
        name = f"projects/{self._project}/secrets/{secret_id}/versions/latest"
        try:
            answer = self._secrets.client.get().access_secret_version(name=name, timeout=TIMEOUT_S, retry=RETRY)
        except exceptions.NotFound:
            return None
        except exceptions.GoogleAPIError as error:
            raise SecretUnavailable(f"secret {secret_id} cannot be read: {error}") from error
        return Version(str(answer.name).rpartition("/")[2], answer.payload.data)

    def add(self, secret_id: str, payload: str, *, create: bool) -> str:
        """Add a version and return its number; raises NotDone where the secret is missing, or nobody may."""
        client = self._secrets.client.get()
        if create:
            self._create(client, secret_id)
        parent = f"projects/{self._project}/secrets/{secret_id}"
        try:
            request = {"parent": parent, "payload": {"data": payload.encode()}}
            answer = client.add_secret_version(request, timeout=TIMEOUT_S, retry=None)
        except exceptions.NotFound as error:
            raise NotDone(f"there is no secret {secret_id}; Terraform makes it, or: --create") from error
        except exceptions.GoogleAPIError as error:
            raise SecretUnavailable(f"no version of {secret_id} could be added: {error}") from error
        return str(answer.name).rpartition("/")[2]

    def _create(self, client: "SecretManagerServiceClient", secret_id: str) -> None:
        try:
            replication: dict[str, object] = {"replication": {"automatic": {}}}
            request = {"parent": f"projects/{self._project}", "secret_id": secret_id, "secret": replication}
            client.create_secret(request, timeout=TIMEOUT_S, retry=None)
        except exceptions.AlreadyExists:
            return
        except exceptions.GoogleAPIError as error:
            raise SecretUnavailable(f"the secret {secret_id} could not be made: {error}") from error
