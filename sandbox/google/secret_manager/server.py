"""Secret Manager on loopback: secrets and versions, as google-cloud-secret-manager sees them."""

import copy
import threading
from collections.abc import Iterable

import grpc
from google.cloud.secretmanager_v1 import types
from google_crc32c import value as crc32c

from sandbox.wire.grpc_server import Call, GrpcServer, RefusedError, now

_SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"
_PAYLOAD_MAX = 64 * 1024
_PAGE = 100
_State = types.SecretVersion.State


class _Stored:
    """A version and its payload; a destroyed one has none."""

    def __init__(self, version: types.SecretVersion, payload: bytes) -> None:
        self.version = version
        self.payload = payload


class SecretManager(GrpcServer):
    """Secrets by name, each with its versions from 1 up; nobody needs a right to read them.

    `latest` is the version created last, whatever its state: once disabled or destroyed, a read of
    `latest` is refused rather than served by the version before.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self._lock = threading.RLock()
        self._secrets: dict[str, types.Secret] = {}
        self._versions: dict[str, list[_Stored]] = {}
        self._accesses: list[str] = []

    def calls(self) -> Iterable[Call]:
        """The calls of SecretManagerService that are served."""
        version, secret = types.SecretVersion, types.Secret
        access, versions = types.AccessSecretVersionResponse, types.ListSecretVersionsResponse
        return [
            Call(_SERVICE, name, request, answer, serve)
            for name, request, answer, serve in (
                ("CreateSecret", types.CreateSecretRequest, secret, self._create_secret),
                ("GetSecret", types.GetSecretRequest, secret, self._get_secret),
                ("AddSecretVersion", types.AddSecretVersionRequest, version, self._add_version),
                ("GetSecretVersion", types.GetSecretVersionRequest, version, self._get_version),
                ("AccessSecretVersion", types.AccessSecretVersionRequest, access, self._access),
                ("ListSecretVersions", types.ListSecretVersionsRequest, versions, self._list),
                ("EnableSecretVersion", types.EnableSecretVersionRequest, version, self._enable),
                ("DisableSecretVersion", types.DisableSecretVersionRequest, version, self._disable),
                ("DestroySecretVersion", types.DestroySecretVersionRequest, version, self._destroy),
            )
        ]

    # For those who run the sandbox

    def add_version(self, project: str, secret_id: str, payload: bytes | str) -> str:
        """Add a version to the secret, which is created where it is missing; its full name."""
        parent = f"projects/{project}/secrets/{secret_id}"
        data = payload.encode() if isinstance(payload, str) else payload
        with self._lock:
            if parent not in self._secrets:
                self._store_secret(parent, types.Secret())
            return self._store_version(parent, data).version.name

    def newest(self, project: str, secret_id: str) -> bytes | None:
        """The newest version's payload; None when there is no such secret."""
        with self._lock:
            versions = self._versions.get(f"projects/{project}/secrets/{secret_id}", [])
            return versions[-1].payload if versions else None

    def disable(self, project: str, secret_id: str, version: str = "latest") -> None:
        """Disable a version, so that reading it is refused."""
        self._set_state(_name(project, secret_id, version), _State.DISABLED)

    def enable(self, project: str, secret_id: str, version: str = "latest") -> None:
        """Enable a disabled version again."""
        self._set_state(_name(project, secret_id, version), _State.ENABLED)

    def destroy(self, project: str, secret_id: str, version: str = "latest") -> None:
        """Destroy a version and its payload for ever."""
        self._set_state(_name(project, secret_id, version), _State.DESTROYED)

    def delete_secret(self, project: str, secret_id: str) -> None:
        """Remove a secret and all its versions."""
        with self._lock:
            del self._secrets[f"projects/{project}/secrets/{secret_id}"]
            del self._versions[f"projects/{project}/secrets/{secret_id}"]

    @property
    def accesses(self) -> list[str]:
        """The versions that were read, by resolved name, oldest first."""
        with self._lock:
            return list(self._accesses)

    # The calls

    def _create_secret(self, request: types.CreateSecretRequest) -> types.Secret:
        name = f"{request.parent}/secrets/{request.secret_id}"
        with self._lock:
            if name in self._secrets:
                raise RefusedError(grpc.StatusCode.ALREADY_EXISTS, f"Secret [{name}] already exists.")
            return copy.deepcopy(self._store_secret(name, request.secret))

    def _get_secret(self, request: types.GetSecretRequest) -> types.Secret:
        with self._lock:
            if request.name not in self._secrets:
                raise _secret_not_found(request.name)
            return copy.deepcopy(self._secrets[request.name])

    def _add_version(self, request: types.AddSecretVersionRequest) -> types.SecretVersion:
        payload = request.payload
        if "data_crc32c" in payload and payload.data_crc32c != crc32c(payload.data):
            raise _invalid("The payload data CRC32C checksum does not match the data.")
        with self._lock:
            if request.parent not in self._secrets:
                raise _secret_not_found(request.parent)
            return copy.deepcopy(self._store_version(request.parent, payload.data).version)

    def _get_version(self, request: types.GetSecretVersionRequest) -> types.SecretVersion:
        with self._lock:
            return copy.deepcopy(self._find(request.name).version)

    def _access(self, request: types.AccessSecretVersionRequest) -> types.AccessSecretVersionResponse:
        with self._lock:
            stored = self._find(request.name)
            if stored.version.state != _State.ENABLED:
                raise _wrong_state(stored.version)
            self._accesses.append(stored.version.name)
            payload = types.SecretPayload(data=stored.payload, data_crc32c=crc32c(stored.payload))
            return types.AccessSecretVersionResponse(name=stored.version.name, payload=payload)

    def _list(self, request: types.ListSecretVersionsRequest) -> types.ListSecretVersionsResponse:
        with self._lock:
            if request.parent not in self._secrets:
                raise _secret_not_found(request.parent)
            newest_first = [stored.version for stored in reversed(self._versions[request.parent])]
            start = int(request.page_token or 0)
            end = start + (request.page_size or _PAGE)
            return types.ListSecretVersionsResponse(
                versions=copy.deepcopy(newest_first[start:end]),
                next_page_token=str(end) if end < len(newest_first) else "",
                total_size=len(newest_first),
            )

    def _enable(self, request: types.EnableSecretVersionRequest) -> types.SecretVersion:
        return self._set_state(request.name, _State.ENABLED)

    def _disable(self, request: types.DisableSecretVersionRequest) -> types.SecretVersion:
        return self._set_state(request.name, _State.DISABLED)

    def _destroy(self, request: types.DestroySecretVersionRequest) -> types.SecretVersion:
        return self._set_state(request.name, _State.DESTROYED)

    # What is stored; under the lock

    def _store_secret(self, name: str, secret: types.Secret) -> types.Secret:
        stored = copy.deepcopy(secret)
        stored.name, stored.create_time = name, now()
        self._secrets[name], self._versions[name] = stored, []
        return stored

    def _store_version(self, parent: str, payload: bytes) -> _Stored:
        if not payload:
            raise _invalid("Secret Payload cannot be empty.")
        if len(payload) > _PAYLOAD_MAX:
            raise _invalid(f"The payload is larger than {_PAYLOAD_MAX} bytes.")
        versions = self._versions[parent]
        version = types.SecretVersion(
            name=f"{parent}/versions/{len(versions) + 1}",
            create_time=now(),
            state=_State.ENABLED,
        )
        versions.append(_Stored(version, payload))
        return versions[-1]

    def _find(self, name: str) -> _Stored:
        """The version of this full name, whose last part may be `latest` or an alias."""
        parent, _, wanted = name.partition("/versions/")
        versions = self._versions.get(parent, [])
        if not versions:
            raise _secret_not_found(parent)
        number = self._secrets[parent].version_aliases.get(wanted, wanted)
        if number == "latest":
            return versions[-1]
        resolved = f"{parent}/versions/{number}"
        for stored in versions:
            if stored.version.name == resolved:
                return stored
        raise RefusedError(grpc.StatusCode.NOT_FOUND, f"Secret Version [{name}] not found.")

    def _set_state(self, name: str, state: int) -> types.SecretVersion:
        with self._lock:
            stored = self._find(name)
            if stored.version.state == _State.DESTROYED:
                raise _wrong_state(stored.version)
            stored.version.state = _State(state)
            if state == _State.DESTROYED:
                stored.payload, stored.version.destroy_time = b"", now()
            return copy.deepcopy(stored.version)


def _name(project: str, secret_id: str, version: str) -> str:
    return f"projects/{project}/secrets/{secret_id}/versions/{version}"


def _secret_not_found(name: str) -> RefusedError:
    return RefusedError(grpc.StatusCode.NOT_FOUND, f"Secret [{name}] not found or has no versions.")


def _wrong_state(version: types.SecretVersion) -> RefusedError:
    text = f"Secret Version [{version.name}] is in {version.state.name} state."
    return RefusedError(grpc.StatusCode.FAILED_PRECONDITION, text)


def _invalid(text: str) -> RefusedError:
    return RefusedError(grpc.StatusCode.INVALID_ARGUMENT, text)
