"""Faults at the wire: what the next matching calls of a stand-in meet instead of a good answer.

A method is the name of the call ("CreateTask", "GET /exchange/by-id") or ANY.

    server.faults.add(method="CreateTask", action=lose_answer)
    server.faults.add(method="CreateTask", action=refuse(StatusCode.PERMISSION_DENIED), times=3)
    server.faults.add(method="GET /exchange/by-id", action=status(403), times=None)  # until clear()
"""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from grpc import StatusCode

ANY = "*"


@dataclass(frozen=True)
class HttpReply:
    """What an HTTP call is answered with."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class GrpcReply:
    """What a gRPC call ends with."""

    code: StatusCode
    details: str


Reply = HttpReply | GrpcReply


@dataclass(frozen=True)
class Action:
    """How a call goes: it waits, its work is done or not, and an answer goes back or the connection breaks."""

    name: str
    delay_s: float = 0.0
    """Infinite: until the caller gives up or the server stops."""
    is_served: bool = False
    """Whether the work is done."""
    is_cut: bool = False
    """Whether the connection breaks instead of an answer."""
    is_dripping: bool = False
    """Whether over HTTP a whole head goes back, and then a body of which a byte comes every *delay_s*."""
    reply: Reply | None = None
    """What goes back instead of the answer; for a gRPC call also where the work is done."""


hang = Action("hang", delay_s=math.inf, is_cut=True)
cut = Action("cut", is_cut=True)
lose_answer = Action("lose_answer", is_served=True, is_cut=True)


def delay(delay_s: float) -> Action:
    """The call is served after *delay_s* seconds, even when the caller no longer listens."""
    return Action(f"delay {delay_s:g} s", delay_s=delay_s, is_served=True)


def drip(pause_s: float) -> Action:
    """The HTTP call is served, and its answer comes a byte every *pause_s* seconds, never whole."""
    return Action("drip", delay_s=pause_s, is_served=True, is_dripping=True)


def refuse(code: StatusCode, details: str = "refused by the sandbox") -> Action:
    """The gRPC call ends with *code*."""
    return Action(f"refused {code.name.lower()}", reply=GrpcReply(code, details))


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes | str = b"") -> Action:
    """The HTTP call ends with *code*; a text body is sent as UTF-8."""
    content = body.encode() if isinstance(body, str) else body
    return Action(f"status {code}", reply=HttpReply(code, dict(headers or {}), content))


def body(content: bytes) -> Action:
    """The HTTP call is answered 200 with *content*, whatever that is."""
    return Action("odd body", reply=HttpReply(200, {"Content-Type": "application/json"}, content))


@dataclass
class _Entry:
    method: str
    action: Action
    times_left: int | None
    where: Callable[[object], bool] | None

    def matches(self, method: str, request: object) -> bool:
        return self.method in (ANY, method) and (self.where is None or self.where(request))


class Faults:
    """First in, first out among the faults that match a call; safe to use from many threads.

    *understood* is the kind of reply that the server can give; others are refused when added.
    """

    def __init__(self, understood: type[Reply]) -> None:
        self._understood = understood
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []
        self._taken: list[tuple[str, Action]] = []
        self._released = threading.Event()

    def add(
        self,
        method: str,
        action: Action,
        times: int | None = 1,
        where: Callable[[object], bool] | None = None,
    ) -> None:
        """Let the next *times* calls (None: all until clear()) of *method* that satisfy *where* meet *action*."""
        if times is not None and times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        if action.reply is not None and not isinstance(action.reply, self._understood):
            raise TypeError(f"this server cannot meet a call with {action}")
        with self._lock:
            self._entries.append(_Entry(method, action, times, where))

    def take(self, method: str, request: object = None) -> Action | None:
        """The fault this call meets, used up by it; None when it is to be served as usual."""
        with self._lock:
            entry = next((each for each in self._entries if each.matches(method, request)), None)
            if entry is None:
                return None
            if entry.times_left is not None:
                entry.times_left -= 1
                if entry.times_left == 0:
                    self._entries.remove(entry)
            self._taken.append((method, entry.action))
            return entry.action

    def clear(self) -> None:
        """Forget the faults that calls would still meet."""
        with self._lock:
            self._entries.clear()

    @property
    def taken(self) -> list[tuple[str, Action]]:
        """The faults that calls have met, oldest first: a test can tell that its fault was met."""
        with self._lock:
            return list(self._taken)

    @property
    def waiting(self) -> float:
        """How many calls would still meet a fault; infinite where one holds until clear()."""
        with self._lock:
            return sum(math.inf if entry.times_left is None else entry.times_left for entry in self._entries)

    def wait(self, action: Action) -> bool:
        """Sleep as long as *action* says; True when release() ended it early."""
        return self._released.wait(None if action.delay_s == math.inf else action.delay_s)

    def release(self) -> None:
        """Wake every call that sleeps in wait(): the server is stopping."""
        self._released.set()

    def reset(self) -> None:
        """Let wait() sleep again, for a server that is started once more."""
        self._released.clear()
