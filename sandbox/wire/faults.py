"""Faults at the wire: what the next matching calls of a stand-in meet instead of a good answer.

The gRPC stand-ins understand refuse, delay, hang and lose_answer; the HTTP stand-ins understand
status, body, delay, hang, cut and cut_after. A method is the name of the call ("CreateTask",
"GET /exchange/by-id") or ANY.

    server.faults.add(method="CreateTask", action=lose_answer)
    server.faults.add(method="CreateTask", action=refuse(StatusCode.PERMISSION_DENIED), times=3)
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grpc import StatusCode

ANY = "*"


@dataclass(frozen=True)
class Refuse:
    """Answer with this gRPC status; the work is not done."""

    code: StatusCode
    details: str


@dataclass(frozen=True)
class Delay:
    """Wait, then do the work and answer, even when the caller no longer listens."""

    delay_s: float


@dataclass(frozen=True)
class Hang:
    """Never answer and never do the work; ends when the caller gives up or the server stops."""


@dataclass(frozen=True)
class LoseAnswer:
    """Do the work, then break the call with UNAVAILABLE: the caller cannot know it was done."""


@dataclass(frozen=True)
class Status:
    """Answer with this HTTP status, headers and body; the work is not done."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Body:
    """Answer 200 with these bytes, whatever they are; the work is not done."""

    content: bytes


@dataclass(frozen=True)
class Cut:
    """Close the socket without an answer; the work is not done."""


@dataclass(frozen=True)
class CutAfter:
    """Do the work, then close the socket without an answer."""


Action: TypeAlias = Refuse | Delay | Hang | LoseAnswer | Status | Body | Cut | CutAfter

hang = Hang()
lose_answer = LoseAnswer()
cut = Cut()
cut_after = CutAfter()


def refuse(code: StatusCode, details: str = "refused by the sandbox") -> Refuse:
    """The gRPC call ends with *code*."""
    return Refuse(code, details)


def delay(delay_s: float) -> Delay:
    """The call is served after *delay_s* seconds."""
    return Delay(delay_s)


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes | str = b"") -> Status:
    """The HTTP call ends with *code*; a text body is sent as UTF-8."""
    return Status(code, dict(headers or {}), body.encode() if isinstance(body, str) else body)


def body(content: bytes) -> Body:
    """The HTTP call is answered 200 with *content*."""
    return Body(content)


@dataclass
class _Entry:
    method: str
    action: Action
    times_left: int
    where: Callable[[object], bool] | None

    def matches(self, method: str, request: object) -> bool:
        return self.method in (ANY, method) and (self.where is None or self.where(request))


class Faults:
    """First in, first out among the faults that match a call; safe to use from many threads.

    *understood* names the kinds of action that the server knows; others are refused when added.
    """

    def __init__(self, understood: tuple[type[Action], ...] | None = None) -> None:
        self._understood = understood
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []
        self._taken: list[tuple[str, Action]] = []
        self._released = threading.Event()

    def add(
        self,
        method: str,
        action: Action,
        times: int = 1,
        where: Callable[[object], bool] | None = None,
    ) -> None:
        """Let the next *times* calls of *method* whose request satisfies *where* meet *action*."""
        if times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        if self._understood is not None and not isinstance(action, self._understood):
            raise TypeError(f"this server cannot meet a call with {action}")
        with self._lock:
            self._entries.append(_Entry(method, action, times, where))

    def take(self, method: str, request: object = None) -> Action | None:
        """The fault this call meets, used up by it; None when it is to be served as usual."""
        with self._lock:
            for entry in self._entries:
                if entry.matches(method, request):
                    entry.times_left -= 1
                    if entry.times_left == 0:
                        self._entries.remove(entry)
                    self._taken.append((method, entry.action))
                    return entry.action
        return None

    def clear(self) -> None:
        """Forget the faults that no call has met yet."""
        with self._lock:
            self._entries.clear()

    @property
    def taken(self) -> list[tuple[str, Action]]:
        """The faults that calls have met, oldest first: a test can tell that its fault was met."""
        with self._lock:
            return list(self._taken)

    @property
    def waiting(self) -> int:
        """How many calls would still meet a fault."""
        with self._lock:
            return sum(entry.times_left for entry in self._entries)

    def wait(self, timeout_s: float | None) -> bool:
        """Sleep for *timeout_s* (None: without end); True when release() ended it early."""
        return self._released.wait(timeout_s)

    def release(self) -> None:
        """Wake every call that sleeps in wait(): the server is stopping."""
        self._released.set()

    def reset(self) -> None:
        """Let wait() sleep again, for a server that is started once more."""
        self._released.clear()
