"""What happened in a history: line by line, in order, and counted for summaries and proofs."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.engine.boundaries import Boundary


@dataclass
class Journal:
    """One history's, or many histories' counts together; a moment is a boundary's name and before or after."""

    lines: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    seen: dict[tuple[str, str], "Boundary"] = field(default_factory=dict)
    steps: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    killed: dict[tuple[str, str], "Boundary"] = field(default_factory=dict)

    def note(self, line: str) -> None:
        """Write down what happened now."""
        self.lines.append(line)

    def add(self, other: "Journal") -> None:
        """Take another's counts in; its lines stay with it."""
        self.counts += other.counts
        self.faults += other.faults
        self.seen |= other.seen
        self.killed |= other.killed

    def totals(self) -> "Journal":
        """The counts alone, which are short enough to send."""
        return Journal(counts=self.counts, faults=self.faults, seen=self.seen, killed=self.killed)
