"""Cloud Storage's JSON API, as far as one small object needs it: read, and write if it is still what was read."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from urllib3.exceptions import HTTPError

from shared.errors import FenceMoved, FenceUnavailable
from shared.outside.google_client import GoogleClient
from shared.outside.timed_calls import TimedCalls
from shared.outside.timed_http import Answer, Question, TimedHttp

URL: Final = "https://storage.googleapis.com"
SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_write"
TIMEOUT_S: Final = 5
CONTENT_BYTES_MAX: Final = 1024 * 1024
NO_OBJECT: Final = 0  # as a generation


class StoredObject(NamedTuple):
    """What the object holds, and in which generation."""

    content: bytes
    generation: int


class StorageObject:
    """One object, a JSON document; whatever is wrong with it or on the way to it is a FenceUnavailable.

    Writing is as safe to repeat as reading: what was written already is refused, since it has another generation.
    """

    def __init__(self, bucket: str, name: str, emulator: str | None) -> None:
        self.address = f"gs://{bucket}/{name}"
        self._url = f"http://{emulator}" if emulator else URL
        self._bucket = quote(bucket, safe="")
        self._name = quote(name, safe="")
        self._emulator = emulator
        self._http = TimedHttp(TIMEOUT_S, answer_bytes_max=CONTENT_BYTES_MAX)
        self._credentials: GoogleClient[Any] = GoogleClient(_find_credentials)
        self._calls = TimedCalls()

    def read(self) -> StoredObject | None:
        """Read the object; None where there is none (or no such bucket)."""
        answer = self._ask("GET", f"/storage/v1/b/{self._bucket}/o/{self._name}?alt=media")
        if answer.status == 404:
            return None
        self._require_ok(answer, "read")
        return StoredObject(answer.text, self._read_generation(answer.headers.get("X-Goog-Generation")))

    def write(self, document: Mapping[str, Any], generation: int) -> int:
        """Write the object if it still has that generation (NO_OBJECT: if there is none), and return the new one.

        Raises FenceMoved where it has another one, FenceUnavailable where it was not written or nobody knows.
        """
        query = f"uploadType=media&name={self._name}&ifGenerationMatch={generation:d}"
        answer = self._ask("POST", f"/upload/storage/v1/b/{self._bucket}/o?{query}", document)
        if answer.status == 412:
            raise FenceMoved(f"{self.address} was written by somebody else meanwhile")
        self._require_ok(answer, "written")
        return self._read_generation(_find_generation(answer.text))

    def _ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> Answer:
        try:
            headers = {} if self._emulator else self._calls.run(TIMEOUT_S, self._authorize)
            return self._http.ask(Question(method, self._url + path, headers, body=document))
        except (HTTPError, TimeoutError) as error:
            raise FenceUnavailable(f"{self.address} did not answer: {type(error).__name__}") from error

    def _authorize(self) -> dict[str, str]:
        """Return the header that Google wants."""
        import google.auth.transport.urllib3
        import urllib3
        from google.auth.exceptions import GoogleAuthError

        headers: dict[str, str] = {}
        try:
            credentials = self._credentials.get()
            if not credentials.valid:
                pool = urllib3.PoolManager()
                credentials.refresh(google.auth.transport.urllib3.Request(pool))  # type: ignore[no-untyped-call]
            credentials.apply(headers)
        except GoogleAuthError as error:
            raise FenceUnavailable(f"{self.address} cannot be asked for: {type(error).__name__}") from error
        return headers

    def _require_ok(self, answer: Answer, done: str) -> None:
        if answer.status != 200 or len(answer.text) > CONTENT_BYTES_MAX:
            raise FenceUnavailable(f"{self.address} was not {done}: Cloud Storage answered {answer.status}")

    def _read_generation(self, text: Any) -> int:
        if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 20):
            raise FenceUnavailable(f"Cloud Storage did not tell the generation of {self.address}")
        return int(text)


def open_fence(address: tuple[str, str] | None, emulator: str | None) -> StorageObject | None:
    """Return the fence's object, or None where none is set; nothing is connected yet."""
    return StorageObject(*address, emulator) if address else None


def _find_credentials() -> Any:
    import google.auth

    credentials, _ = google.auth.default(scopes=[SCOPE])
    return credentials


def _find_generation(answer: bytes) -> Any:
    try:
        document = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    return document.get("generation") if isinstance(document, dict) else None
