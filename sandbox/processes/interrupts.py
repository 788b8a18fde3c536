"""Ctrl-C and its relatives, turned into one exception at a moment when it does no harm."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody wants the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Interrupts:
    """While active, the first signal raises Interrupted in the main thread, unless it is held back.

    Later signals are ignored: the first one has set the clearing away in motion, and that is not to
    be interrupted.
    """

    def __init__(self) -> None:
        self._held = 0
        self._number: int | None = None
        self._raised = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is raised inside; a signal that came meanwhile is raised at the end."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        self._raise()

    def _note(self, number: int, _: FrameType | None) -> None:
        if self._number is None:
            self._number = number
        self._raise()

    def _raise(self) -> None:
        if self._number is not None and not self._held and not self._raised:
            self._raised = True
            raise Interrupted(self._number)
