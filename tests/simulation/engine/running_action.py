"""One action under way: it plays processes, and carries the action's faults to the moments that they are meant for."""

from collections import Counter
from collections.abc import Callable, Mapping
from logging import LogRecord
from typing import Any, Final, Protocol, TypeVar

from tests.simulation.database.backups import Backups
from tests.simulation.engine.boundaries import Boundary, unwatched, visited_by
from tests.simulation.engine.journal import Journal
from tests.simulation.engine.meanwhile import Meanwhile
from tests.simulation.history.vocabulary import (
    Action,
    Fault,
    KeepBackup,
    Kill,
    Moment,
    Pause,
    PeerFailure,
    PutBack,
)
from tests.simulation.world.observer import Observer
from tests.simulation.world.peer_failures import DRIP, fail_peer
from tests.simulation.world.processes import Process
from tests.simulation.world.servers import Servers

DEPTH_MAX: Final = 2
DRIPPED_S: Final = 0.7  # of played time, between two bytes of an answer that drips
TELLING: Final = ("batch_conversion_id", "reason", "exchange_status", "batches_opened", "records_updated", "refusal")

T = TypeVar("T")


class ProcessKilled(BaseException):
    """The process is gone: nothing of it runs on, whatever it would have caught."""


class Surroundings(Protocol):
    """What a running action needs of the world."""

    servers: Servers
    observer: Observer
    journal: Journal
    backups: Backups
    step: int  # the number of the history's action

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on and nothing else happen."""

    def bury(self, process: Process) -> None:
        """Forget a process that died, and free what it held."""

    def act(self, action: Action, depth: int) -> None:
        """Play a further action."""

    def wait(self, seconds: float, running: "RunningAction") -> None:
        """Let time pass and what is due happen."""

    def logged(self, event: str, fields: Mapping[str, Any]) -> None:
        """Take in what a process said."""


class RunningAction:
    """The action in progress; an action that happens during another one's pause is one of its own, deeper."""

    def __init__(self, world: Surroundings, faults: tuple[Fault, ...] = (), depth: int = 0) -> None:
        self.world = world
        self.depth = depth
        self.was_paused = False
        self.has_faults = bool(faults)
        self.kinds_met = set[str]()  # what its processes have spoken to so far
        self.calls_met = set[str]()  # and what they asked for
        self._faults = list(faults)
        self._is_dripping = False
        self._moments = Counter[str]()
        self._meanwhile: list[Meanwhile] = []

    def play(self, process: Process, work: Callable[[Process], T]) -> T | None:
        """Let a process work; None where it died."""
        Meanwhile.enter(process)
        try:
            with visited_by(_Player(self, process)):
                return work(process)
        except ProcessKilled:
            self.world.bury(process)
            return None
        finally:
            for meanwhile in self._meanwhile:
                meanwhile.wait_to_the_end()
            self._meanwhile.clear()
            self.world.observer.forget_closed(process)
            Meanwhile.leave()

    def meet(self, process: Process, boundary: Boundary, stage: str, connection: Any) -> None:
        """Carry out the faults that are meant for this moment."""
        self._is_dripping = self._is_dripping and stage == "after"
        if boundary.kind == "connect":
            self.world.observer.forget_closed(process)
        self._let_others_go_on(process)
        self.world.journal.note(f"{'  ' * self.depth}{stage} {boundary.name}")
        indices = {word: self._moments[word] for word in (boundary.kind, boundary.call)}
        self._moments.update(indices.keys())
        if stage == "after":
            self.kinds_met.add(boundary.kind)
            self.calls_met.add(boundary.call)
        if boundary.is_outer:
            self.world.journal.seen.setdefault((boundary.name, stage), boundary)
            self.world.journal.steps.setdefault((boundary.name, stage), []).append(self.world.step)
        for fault in [fault for fault in self._faults if _is_due(fault, boundary, stage, indices)]:
            self._faults.remove(fault)
            self._carry_out(fault, process, boundary, stage=stage, connection=connection)
            self._let_others_go_on(process)

    def read_clock(self, process: Process) -> float:
        """Tell the time by which clients wait; between two bytes of an answer that drips, some has passed."""
        if self._is_dripping:
            self.world.pass_time(DRIPPED_S)
        return process.now().timestamp()

    def log(self, process: Process, record: LogRecord) -> None:
        """Take down what the process says."""
        self._let_others_go_on(process)
        event, fields = getattr(record, "event", record.levelname), getattr(record, "fields", {})
        said = {name: str(fields[name]) for name in TELLING if name in fields}
        self.world.journal.note(f"{'  ' * self.depth}log {event} {said}")
        self.world.logged(str(event), fields)

    def _let_others_go_on(self, process: Process) -> None:
        """Only one thread of a history runs at a time, and it is nobody's turn before locks are where they belong."""
        if self._meanwhile:
            self.world.observer.forget_closed(process)
        for meanwhile in self._meanwhile:
            meanwhile.wait()

    def _carry_out(self, fault: Fault, process: Process, boundary: Boundary, *, stage: str, connection: Any) -> None:
        counted = self.world.journal.faults
        self.world.journal.note(f"{'  ' * self.depth}fault {fault.what}")
        match fault.what:
            case Kill():
                counted[f"death {stage} {boundary.kind}"] += 1
                self.world.journal.killed[boundary.name, stage] = boundary
                process.is_dead = True
                raise ProcessKilled
            case Pause(seconds, meanwhile):
                counted["pause"] += 1
                self._pause(process, seconds, meanwhile)
            case KeepBackup():
                self.world.backups.keep()
            case PutBack(which):
                self.was_paused = True
                self.world.backups.put_back(which)
            case PeerFailure() as failure:
                counted[f"{boundary.kind}: failure {stage}"] += 1
                is_after = stage == "after"
                how = fail_peer(
                    self.world.servers, process, failure, boundary=boundary, is_after=is_after, connection=connection
                )
                counted[how] += 1
                self._is_dripping = how.endswith(DRIP.name)

    def _pause(self, process: Process, seconds: int, actions: tuple[Action, ...]) -> None:
        self.was_paused = True
        self.world.observer.end_idle_sessions(process, seconds)
        self._let_others_go_on(process)
        if self.depth >= DEPTH_MAX:
            self.world.pass_time(seconds)
            return

        def happen() -> None:
            if seconds:
                self.world.wait(seconds, RunningAction(self.world, (), self.depth + 1))
            for action in actions:
                self.world.act(action, self.depth + 1)

        meanwhile = Meanwhile(self.world.observer, happen)
        self._meanwhile.append(meanwhile)
        meanwhile.start()


class _Player:
    """The visitor in a process's thread."""

    def __init__(self, running: RunningAction, process: Process) -> None:
        self._running = running
        self._process = process

    def before(self, boundary: Boundary, connection: Any) -> None:
        if self._process.is_dead:
            raise ProcessKilled
        with unwatched():
            self._running.meet(self._process, boundary, "before", connection)

    def after(self, boundary: Boundary, connection: Any) -> None:
        if boundary.kind == "connect":
            self._process.opened(connection)
        with unwatched():
            self._running.meet(self._process, boundary, "after", connection)

    def logged(self, record: LogRecord) -> None:
        with unwatched():
            self._running.log(self._process, record)

    def sleep(self, seconds: float) -> None:
        self._running.world.pass_time(seconds)

    def seconds(self) -> float:
        return self._running.read_clock(self._process)


def _is_due(fault: Fault, boundary: Boundary, stage: str, indices: dict[str, int]) -> bool:
    if isinstance(fault.at, Moment):
        return fault.at == Moment(boundary.name, stage)
    return indices.get(fault.kind) == fault.at
