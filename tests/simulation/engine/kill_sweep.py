"""Walks every scenario once, and once more for each boundary on it, with the process killed there."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.engine.journal import Journal
from tests.simulation.engine.play import Result, play
from tests.simulation.history.printing import print_history
from tests.simulation.history.scenarios import with_kill
from tests.simulation.history.vocabulary import History, Moment
from tests.simulation.world.servers import Servers


@dataclass
class Sweep:
    """What a sweep met."""

    journal: Journal = field(default_factory=Journal)
    broken: list[str] = field(default_factory=list)
    on_tours: set[tuple[str, str]] = field(default_factory=set)

    def note(self, result: Result) -> None:
        """Take a result in."""
        self.journal.add(result.journal)
        if result.broken is not None:
            self.broken.append(print_history(result.history, result.broken))

    @property
    def spared(self) -> list[str]:
        """The moments on the scenarios at which no process was killed."""
        return sorted(f"{stage} {name}" for name, stage in self.on_tours - self.journal.killed.keys())


def sweep(servers: Servers, histories: Iterable[History]) -> Sweep:
    """Kill a process at every moment of every boundary that these histories come to."""
    swept = Sweep()
    for history in histories:
        calm = play(servers, history)
        swept.note(calm)
        swept.on_tours |= calm.journal.seen.keys()
        for (name, stage), steps in calm.journal.steps.items():
            if (name, stage) not in swept.journal.killed and steps[0] < len(history.actions):
                swept.note(play(servers, with_kill(history, steps[0], Moment(name, stage))))
    return swept
