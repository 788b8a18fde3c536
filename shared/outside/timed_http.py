"""HTTP with one deadline for all of it: name, connection, TLS, every byte of the answer, and every attempt.

A time-out of a socket bounds one wait. A peer that sends a byte now and then (of its status line, a header, a chunk's
size, one "100 Continue" after the other) passes each of them for ever; here every wait gets what is left of the whole.
"""

import http.client
import io
import json
import socket
import time
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from shared.outside.timed_calls import Deadline, TimedCalls

ATTEMPTS_MAX: Final = 4
PAUSE_S: Final = 0.3  # before the second attempt; twice that before the third, ...
RETRY_AFTER_MAX_S: Final = 5
READ_BYTES: Final = 64 * 1024
CONNECTIONS_KEPT: Final = 12  # to one peer; how many are open at once is the callers' affair
PASSING: Final = frozenset({429, 500, 502, 503, 504})
NOT_TAKEN: Final = frozenset({429})  # of those, what says that nothing was done

_resolving: Final = TimedCalls()


class Question(NamedTuple):
    """A request; one that may be done twice is repeated after any trouble that may pass."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str] | None = None
    body: Any = None
    is_repeatable: bool = True


class Answer(NamedTuple):
    """What a peer said; a *text* of more bytes than were asked for is cut after the first of them."""

    status: int
    text: bytes
    headers: Mapping[str, str] = MappingProxyType({})


_deadline: ContextVar[Deadline] = ContextVar("deadline")


class TimedHttp:
    """Asks peers, each time within *within_s* seconds; connections are kept for the next question."""

    def __init__(self, within_s: float, *, answer_bytes_max: int) -> None:
        self._within_s = within_s
        self._answer_bytes_max = answer_bytes_max
        self._pools = urllib3.PoolManager(maxsize=CONNECTIONS_KEPT)
        self._pools.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def ask(self, question: Question) -> Answer:
        """Return the answer; raises urllib3's HTTPError, or TimeoutError, where there is none by the deadline."""
        deadline = Deadline(self._within_s)
        token = _deadline.set(deadline)
        try:
            for attempt in range(1, ATTEMPTS_MAX + 1):
                pause_s = PAUSE_S * 2.0 ** (attempt - 1)
                try:
                    answer, asked_pause_s = self._ask_once(question, deadline)
                except HTTPError as error:
                    is_safe = question.is_repeatable or isinstance(error, ConnectTimeoutError)
                    if not is_safe or not _wait(pause_s, deadline, attempt):
                        raise
                else:
                    may_pass = answer.status in (PASSING if question.is_repeatable else NOT_TAKEN)
                    if not may_pass or not _wait(max(pause_s, asked_pause_s), deadline, attempt):
                        return answer
            raise AssertionError("the last attempt returns or raises")
        finally:
            _deadline.reset(token)

    def _ask_once(self, question: Question, deadline: Deadline) -> tuple[Answer, float]:
        """Return the answer to one attempt, and for how long the peer asks to be left alone."""
        content_type = {} if question.body is None else {"Content-Type": "application/json"}
        response = self._pools.request(
            question.method,
            question.url,
            fields=question.query,
            body=None if question.body is None else json.dumps(question.body).encode(),
            headers={**question.headers, **content_type},
            timeout=urllib3.Timeout(total=deadline.get_left_s()),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        text = bytearray()
        try:
            while len(text) <= self._answer_bytes_max and (part := response.read1(READ_BYTES)):
                text += part
        finally:
            response.close()
        retry_after = response.headers.get("Retry-After", "")
        asked_s = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0
        return Answer(response.status, bytes(text), response.headers), min(asked_s, RETRY_AFTER_MAX_S)


def _wait(pause_s: float, deadline: Deadline, attempt: int) -> bool:
    """Pause before the next attempt; False where there is none any more."""
    if attempt == ATTEMPTS_MAX or not deadline.leaves(pause_s):
        return False
    time.sleep(pause_s)
    return True


class _TimedStream(io.RawIOBase):
    """The bytes that arrive on a socket, up to the deadline of the question of the moment."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_deadline.get().get_left_s())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedStream(sock, self.fp.detach()))


class _Connection(HTTPConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _connect(connection: HTTPConnection) -> socket.socket:
    try:
        return _open(connection.host.strip("[]"), connection.port, _deadline.get())
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, f"no connection to {connection.host}: {error}") from error
    except OSError as error:
        raise NewConnectionError(connection, f"no connection to {connection.host}: {error}") from error


def _open(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first of a host's addresses that answers, each with an equal share of what is left."""
    failure = OSError("the name has no address")
    addresses = _resolve(host, port, deadline)
    for number, address in enumerate(addresses):
        try:
            sock = socket.create_connection((address, port), deadline.get_left_s() / (len(addresses) - number))
        except OSError as error:
            failure = error
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(deadline.get_left_s())  # for TLS's whole handshake
            return sock
    raise failure


def _resolve(host: str, port: int, deadline: Deadline) -> list[str]:
    found = _resolving.run(deadline.get_left_s(), lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return [str(address[0]) for *_, address in found]
