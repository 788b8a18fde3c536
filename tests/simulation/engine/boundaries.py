"""Every point at which a process meets the world, found at the doors of the drivers and not listed by hand.

A boundary is one call that leaves the process: a connection, BEGIN, COMMIT or another statement to PostgreSQL, an HTTP
request, a gRPC call. Each is named by the nearest line of the project that wanted it. A visitor
(whoever plays the process) is told before and after the call, and may raise, wait, or break things there.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from logging import LogRecord
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from unittest.mock import patch

import google.api_core.retry.retry_base as google_retry_base
import google.api_core.retry.retry_unary as google_retry
from grpc._channel import _UnaryUnaryMultiCallable
from pg8000.core import IDLE, CoreConnection
from urllib3.connectionpool import HTTPConnectionPool

import shared
from shared.outside import timed_calls, timed_http
from shared.outside.statements import LOCKED, STATEMENTS
from shared.outside.timed_calls import TimedCalls

if TYPE_CHECKING:
    from types import FrameType

SHARED: Final = Path(str(shared.__file__)).parent
ADAPTERS: Final = frozenset(
    {
        "connection",
        "database",
        "driver_errors",
        "statements",
        "changenow",
        "cloud_tasks",
        "secret_manager",
        "pubsub",
        "storage",
    }
    | {"google_client", "timed_calls", "timed_http"}
)
SERVICES: Final = {"CloudTasks": "tasks", "SecretManagerService": "secrets", "Publisher": "events"}
GRPC_DOORS: Final = ("__call__", "with_call", "future")

Site = tuple[str, int]


@dataclass(frozen=True)
class Boundary:
    """One kind of call from one place: *kind* is what it speaks to, *call* what it asks for."""

    kind: str
    call: str
    place: str  # module.function:line of the nearest code that is no adapter
    sites: tuple[Site, ...]  # every line of the project that is waiting for the call, innermost first

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"{self.place} {self.call}"

    @property
    def is_outer(self) -> bool:
        """Whether the world can tell a death before it from one after it: not so inside a transaction."""
        return self.kind != "statement"


class Visitor(Protocol):
    """Whoever plays a process in this thread."""

    def before(self, boundary: Boundary, connection: Any) -> None:
        """Called before the call leaves."""

    def after(self, boundary: Boundary, connection: Any) -> None:
        """Called when the call has come back well."""

    def logged(self, record: LogRecord) -> None:
        """Called with every line that the process logs."""

    def sleep(self, seconds: float) -> None:
        """Wait as a client does before it tries again."""

    def seconds(self) -> float:
        """The clock that never goes back."""


_visitors = threading.local()


@contextmanager
def visited_by(visitor: Visitor) -> Iterator[None]:
    """Everything this thread does inside is the visitor's."""
    _visitors.one = visitor
    try:
        yield
    finally:
        _visitors.one = None


@contextmanager
def unwatched() -> Iterator[None]:
    """What this thread does inside is the world's own doing, between two moments of a process."""
    visitor, _visitors.one = visitor_here(), None
    try:
        yield
    finally:
        _visitors.one = visitor


def visitor_here() -> Visitor | None:
    """Whoever plays a process in this thread, if anybody does."""
    return getattr(_visitors, "one", None)


@contextmanager
def installed() -> Iterator[None]:
    """Put a watcher at every door: PostgreSQL's driver, urllib3, gRPC, and the waits before a retry."""
    with ExitStack() as stack:
        for holder, name, watched in (
            (CoreConnection, "__init__", _watched(CoreConnection.__init__, _connecting)),
            (CoreConnection, "execute_simple", _watched(CoreConnection.execute_simple, _command)),
            (CoreConnection, "execute_unnamed", _watched(CoreConnection.execute_unnamed, _statement)),
            (HTTPConnectionPool, "_make_request", _watched(HTTPConnectionPool._make_request, _request)),
            *(
                (_UnaryUnaryMultiCallable, door, _watched(getattr(_UnaryUnaryMultiCallable, door), _rpc))
                for door in GRPC_DOORS
            ),
        ):
            stack.enter_context(patch.object(holder, name, watched))
        for module in (google_retry, google_retry_base, timed_calls, timed_http):
            stack.enter_context(patch.object(module, "time", _PlayedTime))
        stack.enter_context(patch.object(TimedCalls, "run", _in_this_thread(TimedCalls.run)))
        yield


def _in_this_thread(original: Callable[..., Any]) -> Callable[..., Any]:
    """Make a played process's calls in its own thread: nothing hangs in a history, and its turns are the seed's."""

    def run(self: TimedCalls, within_s: float, call: Callable[[], Any], **facts: Any) -> Any:
        return call() if visitor_here() is not None else original(self, within_s, call, **facts)

    return run


class _PlayedTime:
    """Stands for the module ``time`` where clients wait before a retry: a played process waits in played time."""

    time = time.time

    @staticmethod
    def sleep(seconds: float) -> None:
        visitor = visitor_here()
        if visitor is None:
            time.sleep(seconds)
        else:
            visitor.sleep(seconds)

    @staticmethod
    def monotonic() -> float:
        visitor = visitor_here()
        return time.monotonic() if visitor is None else visitor.seconds()


Describe = Callable[[Any, tuple[Any, ...]], tuple[str, str]]


def _watched(original: Callable[..., Any], describe: Describe) -> Callable[..., Any]:
    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        visitor = visitor_here()
        boundary = _boundary(*describe(self, args)) if visitor else None
        if visitor is None or boundary is None:
            return original(self, *args, **kwargs)
        connection = self if isinstance(self, CoreConnection) else None
        visitor.before(boundary, connection)
        result = original(self, *args, **kwargs)
        visitor.after(boundary, connection)
        return result

    return watched


def _connecting(connection: Any, args: tuple[Any, ...]) -> tuple[str, str]:
    return "connect", "CONNECT"


def _command(connection: Any, args: tuple[Any, ...]) -> tuple[str, str]:
    text = str(args[0])
    if text in _statement_names():
        return _statement(connection, args)
    advisory = next((word for word in ("pg_try_advisory_lock", "pg_advisory_unlock") if word in text), None)
    return "database", advisory or text.partition(" ")[0]


def _statement(connection: Any, args: tuple[Any, ...]) -> tuple[str, str]:
    """A statement by itself is a transaction of its own: the world can tell a death before it from one after."""
    is_alone = connection._transaction_status == IDLE
    return "database" if is_alone else "statement", _statement_names().get(args[0], "a statement")


def _request(pool: Any, args: tuple[Any, ...]) -> tuple[str, str]:
    path = str(args[2]).partition("?")[0]
    return "fence" if "/storage/v1/" in path else "http", f"{args[1]} {path}"


def _rpc(callable_: Any, args: tuple[Any, ...]) -> tuple[str, str]:
    service, _, call = callable_._method.decode().rpartition("/")
    return SERVICES.get(service.rpartition(".")[2], "rpc"), call


@cache
def _statement_names() -> dict[str, str]:
    return {STATEMENTS.ready(name + held)[0]: name for name in STATEMENTS.texts for held in ("", LOCKED)}


def _boundary(kind: str, call: str) -> Boundary | None:
    """Describe the call by the project's lines that wait for it; None where no line of the project does."""
    sites: list[Site] = []
    place = None
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        found = _module(code.co_filename)
        if found is not None:
            sites.append((found, frame.f_lineno))
            if place is None and found not in ADAPTERS:
                place = f"{found}.{code.co_name}:{frame.f_lineno}"
        frame = frame.f_back
    return Boundary(kind, call, place or "outside", tuple(sites)) if sites else None


@cache
def _module(filename: str) -> str | None:
    path = Path(filename)
    return path.stem if SHARED in path.parents else None
