"""Google's REST APIs for an operator's shell: one call with the caller's own credentials, errors as a verb ends."""

import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import google.auth
import urllib3
from google.auth.transport.urllib3 import AuthorizedHttp
from urllib3.exceptions import HTTPError

from ops.command_line.failures import Away, NotDone
from shared.errors import Unavailable

TIMEOUT_S: Final = 30
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
CONFLICT: Final = (409, 412)
AWAY: Final = (408, 429)
NOT_FOUND: Final = 404
STORAGE_URL: Final = "https://storage.googleapis.com"
SAID_MAX: Final = 300


class Conflict(NotDone):
    """What was to be made is there already, or was changed meanwhile."""


class Missing(NotDone):
    """There is no such thing."""


class GoogleApi:
    """One API at its address; credentials go over https only, so that a stand-in is asked without."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def get(self, path: str) -> dict[str, Any]:
        """Ask for a document."""
        return self._call("GET", path, None)

    def post(self, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a document and return the answer's."""
        return self._call("POST", path, json.dumps(document or {}).encode())

    def patch(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Change what the path's mask names."""
        return self._call("PATCH", path, json.dumps(document).encode())

    def upload(self, path: str, content: bytes) -> dict[str, Any]:
        """Send bytes as they are; raises Conflict where a condition in the path does not hold."""
        return self._call("POST", path, content, "application/octet-stream")

    def _call(
        self, method: str, path: str, body: bytes | None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """Make one call; raises NotDone for what lasts, Away for what may heal."""
        headers = {"Content-Type": content_type} if body is not None else {}
        pool = _authorized() if self._url.startswith("https://") else _plain()
        try:
            answer = pool.request(method, self._url + path, body=body, headers=headers, timeout=TIMEOUT_S)
        except HTTPError as error:
            raise Away(f"{self._url} did not answer: {type(error).__name__}") from error
        if answer.status >= 300:
            raise _failure(answer.status, f"{method} {path}: HTTP {answer.status} {_said(answer.data)}".strip())
        document: dict[str, Any] = json.loads(answer.data or b"{}")
        return document


def storage_api() -> GoogleApi:
    """Cloud Storage's JSON API, or the stand-in that STORAGE_EMULATOR_HOST names."""
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "").strip()
    return GoogleApi(f"http://{emulator}" if emulator else STORAGE_URL)


def _failure(status: int, message: str) -> NotDone | Unavailable:
    if status in CONFLICT:
        return Conflict(message)
    if status == NOT_FOUND:
        return Missing(message)
    return Away(message) if status >= 500 or status in AWAY else NotDone(message)


def _said(body: bytes) -> str:
    """Google's own words about an error, as far as there are any."""
    try:
        return str(json.loads(body)["error"]["message"])[:SAID_MAX]
    except (ValueError, KeyError, TypeError):
        return ""


@cache
def _plain() -> urllib3.PoolManager:
    return urllib3.PoolManager(retries=False)


@cache
def _authorized() -> Any:
    """A pool that adds the shell's own Google credentials; raises GoogleAuthError where it has none."""
    credentials, _ = google.auth.default(scopes=[SCOPE])
    return AuthorizedHttp(credentials, http=_plain())  # type: ignore[no-untyped-call]
