"""One action under way: it plays processes, and carries the action's faults to the moments that they are meant for."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from tests.simulation.engine.boundaries import Boundary, unwatched, visited_by
from tests.simulation.history.story import Action, Die, Fault, Moment, Pause, Trouble
from tests.simulation.world.observer import Observer
from tests.simulation.world.processes import Process
from tests.simulation.world.servers import Servers
from tests.simulation.world.troubles import strike

SESSION_IDLE_MAX_S: Final = 180  # what the functions ask of the server for a session that stands still
DEPTH_MAX: Final = 2
LOOK_FOR_LOCKS_AFTER_S: Final = 0.03
ASIDE_MAX_S: Final = 20.0

T = TypeVar("T")


class Death(BaseException):
    """The process is gone: nothing of it runs on, whatever it would have caught."""


class Journal:
    """What happened, for summaries and for the proof that every boundary was met."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.seen: dict[tuple[str, str], Boundary] = {}
        self.steps: dict[tuple[str, str], list[int]] = {}
        self.killed: dict[tuple[str, str], Boundary] = {}

    def add(self, other: "Journal") -> None:
        """Take another's counts in."""
        self.counts += other.counts
        self.faults += other.faults
        self.seen |= other.seen
        self.killed |= other.killed


class Stage(Protocol):
    """What a turn needs of the world."""

    servers: Servers
    observer: Observer
    journal: Journal
    step: int  # the number of the history's action

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on and nothing else happen."""

    def bury(self, process: Process) -> None:
        """Forget a process that died, and free what it held."""

    def act(self, action: Action, depth: int) -> None:
        """Play a further action."""

    def wait(self, seconds: float, turn: "Turn") -> None:
        """Let time pass and what is due happen."""


class Turn:
    """The action in progress; an action that happens during another one's pause is a turn of its own, deeper."""

    def __init__(self, world: Stage, faults: tuple[Fault, ...] = (), depth: int = 0) -> None:
        self.world = world
        self.depth = depth
        self.was_paused = False
        self._faults = list(faults)
        self._moments = Counter[str]()
        self._asides: list[_Aside] = []

    def play(self, process: Process, work: Callable[[Process], T]) -> T | None:
        """Let a process work; None where it died."""
        try:
            with visited_by(_Player(self, process)):
                return work(process)
        except Death:
            self.world.bury(process)
            return None
        finally:
            for aside in self._asides:
                aside.wait_to_the_end()
            self._asides.clear()
            self._wait_for_closed(process)

    def meet(self, process: Process, boundary: Boundary, stage: str, connection: Any) -> None:
        """Carry out the faults that are meant for this moment."""
        for aside in self._asides:
            aside.wait()
        indices = {word: self._moments[word] for word in (boundary.kind, boundary.call)}
        self._moments.update(indices.keys())
        if boundary.is_outer:
            self.world.journal.seen.setdefault((boundary.name, stage), boundary)
            self.world.journal.steps.setdefault((boundary.name, stage), []).append(self.world.step)
        for fault in [fault for fault in self._faults if _is_due(fault, boundary, stage, indices)]:
            self._faults.remove(fault)
            self._carry_out(fault, process, boundary, stage=stage, connection=connection)

    def _carry_out(self, fault: Fault, process: Process, boundary: Boundary, *, stage: str, connection: Any) -> None:
        counted = self.world.journal.faults
        match fault.what:
            case Die():
                counted[f"death {stage} {boundary.kind}"] += 1
                self.world.journal.killed[boundary.name, stage] = boundary
                process.is_dead = True
                raise Death
            case Pause(seconds, meanwhile):
                counted["pause"] += 1
                self._pause(process, seconds, meanwhile)
            case Trouble() as trouble:
                counted[f"{boundary.kind}: trouble {stage}"] += 1
                kind = strike(
                    self.world,
                    process,
                    trouble,
                    boundary=boundary,
                    is_after=stage == "after",
                    connection=connection,
                )
                counted[kind] += 1

    def _pause(self, process: Process, seconds: int, meanwhile: tuple[Action, ...]) -> None:
        self.was_paused = True
        if seconds > SESSION_IDLE_MAX_S:
            self.world.observer.cut_off([backend for backend, _ in process.backends])
        if self.depth >= DEPTH_MAX:
            self.world.pass_time(seconds)
            return
        aside = _Aside(self.world, seconds, meanwhile, self.depth + 1)
        self._asides.append(aside)
        aside.start()
        aside.wait()

    def _wait_for_closed(self, process: Process) -> None:
        """Wait until the server has noticed what the process closed: the next one must not find its locks."""
        closed = [(backend, held) for backend, held in process.backends if held._usock is None]
        if closed:
            self.world.observer.cut_off([backend for backend, _ in closed])
            process.backends = [entry for entry in process.backends if entry not in closed]


class _Player:
    """The visitor in a process's thread."""

    def __init__(self, turn: Turn, process: Process) -> None:
        self._turn = turn
        self._process = process

    def before(self, boundary: Boundary, connection: Any) -> None:
        if self._process.is_dead:
            raise Death
        with unwatched():
            self._turn.meet(self._process, boundary, "before", connection)

    def after(self, boundary: Boundary, connection: Any) -> None:
        if boundary.kind == "connect":
            self._process.opened(connection)
        with unwatched():
            self._turn.meet(self._process, boundary, "after", connection)

    def sleep(self, seconds: float) -> None:
        self._turn.world.pass_time(seconds)

    def seconds(self) -> float:
        return self._process.now().timestamp()


class _Aside:
    """What happens while a process stands still, in a thread of its own, since it may have to wait for that process."""

    def __init__(self, world: Stage, seconds: int, actions: tuple[Action, ...], depth: int) -> None:
        self._world = world
        self._seconds = seconds
        self._actions = actions
        self._depth = depth
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait(self) -> None:
        """Wait until it is over, or waits itself for a lock that the process in its pause holds."""
        began = time.monotonic()
        while self._thread.is_alive():
            self._thread.join(0.004)
            spent_s = time.monotonic() - began
            if not self._thread.is_alive():
                break
            if spent_s > LOOK_FOR_LOCKS_AFTER_S and self._world.observer.somebody_waits():
                return
            if spent_s > ASIDE_MAX_S:
                raise TimeoutError("what happened meanwhile does not end")
        self._raise()

    def wait_to_the_end(self) -> None:
        """Wait until it is over."""
        self._thread.join(ASIDE_MAX_S)
        self._raise()

    def _run(self) -> None:
        try:
            if self._seconds:
                self._world.wait(self._seconds, Turn(self._world, (), self._depth))
            for action in self._actions:
                self._world.act(action, self._depth)
        except BaseException as error:  # noqa: BLE001 - raised again where the pause is waited for
            self._error = error

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error


def _is_due(fault: Fault, boundary: Boundary, stage: str, indices: dict[str, int]) -> bool:
    if isinstance(fault.at, Moment):
        return fault.at == Moment(boundary.name, stage)
    return indices.get(fault.kind) == fault.at
