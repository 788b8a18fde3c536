"""What can be started and stopped, any number of times."""

from abc import ABC, abstractmethod
from typing import Self


class Startable(ABC):
    """Runs while a ``with`` block does, or from start() to stop()."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def start(self) -> None:
        """Run; ready on return."""

    @abstractmethod
    def stop(self) -> None:
        """End; a second time is harmless."""
