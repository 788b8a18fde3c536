"""Sends HTTP requests for the stand-ins that push: no proxies, no redirects, abortable."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

_ANSWER_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True)
class Request:
    """What is sent where; Host and Content-Length follow from the rest."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_s: float


@dataclass(frozen=True)
class Answer:
    """A status, or the error that came instead of one."""

    status: int | None
    error: str | None = None
    retry_after_s: float = 0.0

    @property
    def good(self) -> bool:
        """Whether the status is one of 200-299."""
        return self.status is not None and 200 <= self.status <= 299


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One of the times that something was sent, and what came of it: a status, or the error that came instead."""

    number: int
    """1 for the first time."""
    url: str
    status: int | None
    error: str | None
    sent_at: datetime


class HttpSender:
    """Sends from any number of threads; abort() breaks off whatever still waits for an answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[http.client.HTTPConnection] = set()
        self._aborted = False

    def send(self, request: Request) -> Answer:
        """The answer to *request*; every failure of the network is an answer without a status."""
        parts = urlsplit(request.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = kind(parts.netloc, timeout=request.timeout_s)
        try:
            connection.connect()
            with self._lock:
                if self._aborted:
                    return Answer(None, "stopped")
                self._open.add(connection)
            connection.request(request.method, target, request.body, dict(request.headers))
            response = connection.getresponse()
            response.read(_ANSWER_BYTES_MAX)
            return Answer(response.status, None, _retry_after_s(response))
        except TimeoutError:
            return Answer(None, f"no answer within {request.timeout_s:g} s")
        except (OSError, http.client.HTTPException) as error:
            return Answer(None, f"{type(error).__name__}: {error}")
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def abort(self) -> None:
        """Break off all requests and refuse new ones."""
        with self._lock:
            self._aborted = True
            for connection in self._open:
                with contextlib.suppress(OSError, AttributeError):
                    connection.sock.shutdown(socket.SHUT_RDWR)


def _retry_after_s(response: http.client.HTTPResponse) -> float:
    """The wait that a Retry-After header asks for, in seconds or as a date; 0 without one."""
    text = response.getheader("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    with contextlib.suppress(ValueError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    return 0.0
