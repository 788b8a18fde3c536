"""A planted mistake, and how soon it must be seen."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, TypeAlias

from tests.simulation.history.generator import generate
from tests.simulation.history.vocabulary import Action, History

Planted: TypeAlias = AbstractContextManager[Any]
Scene: TypeAlias = Callable[[Random], tuple[Action, ...]]


@dataclass(frozen=True)
class Defect:
    """One mistake and how many seeds it may take to be seen."""

    name: str
    plant: Callable[[], Planted]
    seeds: int
    favour: str | None = None  # where the faults are to be sought
    conditions: dict[str, Any] = field(default_factory=dict)  # what the world is to be like
    scene: Scene | None = None  # what leads to where it matters

    def history(self, seed: int) -> History:
        """Make a history in which the mistake has a chance to matter."""
        history = generate(seed, self.favour)
        scene = self.scene(Random(f"{seed}/{self.name}")) if self.scene else ()
        return replace(
            history, conditions=replace(history.conditions, **self.conditions), actions=(*scene, *history.actions)
        )
