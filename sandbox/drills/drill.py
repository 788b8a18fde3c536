"""One thing that goes wrong, from its beginning to its end."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.world.world import World

End = Callable[[], None]


@dataclass(frozen=True)
class Drill:
    """Something that goes wrong in a world."""

    name: str
    summary: str
    begin: Callable[[World], End]
    """Lets it go wrong, and returns what makes it right again."""


def nothing_to_end() -> None:
    """What has been done stays: there is nothing to take back."""
