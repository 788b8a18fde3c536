"""What happens while a process stands still, in a thread of its own; only one thread of a history ever runs.

A thread that starts another waits until that one has ended, or waits itself for a lock of the database that somebody
holds. Which of the two it is, PostgreSQL's own table of locks tells; the machine's speed has no say, so that the same
seed takes the same steps in the same order.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.simulation.world.observer import Observer
    from tests.simulation.world.processes import Process

LOOK_EVERY_S: Final = 0.004
ENDS_WITHIN_S: Final = 60.0

_here = threading.local()


class Meanwhile:
    """One thread; *work* is what happens in it."""

    def __init__(self, observer: "Observer", work: Callable[[], None]) -> None:
        self._observer = observer
        self._work = work
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._playing: list[Process] = []
        self._waits_for: Meanwhile | None = None

    @staticmethod
    def enter(process: "Process") -> None:
        """Say that this thread plays a process from now on."""
        if (mine := getattr(_here, "thread", None)) is not None:
            mine._playing.append(process)

    @staticmethod
    def leave() -> None:
        """Say that it no longer does."""
        if (mine := getattr(_here, "thread", None)) is not None:
            mine._playing.pop()

    def start(self) -> None:
        """Begin, and wait until it is this thread's turn again."""
        self._thread.start()
        self.wait()

    def wait(self) -> None:
        """Wait until it has ended, or cannot go on before somebody releases a lock."""
        until = time.monotonic() + ENDS_WITHIN_S
        while self._thread.is_alive():
            self._thread.join(LOOK_EVERY_S)
            if self._thread.is_alive() and self._is_blocked(self._observer.blocked_backends()):
                return
            if time.monotonic() > until:
                raise TimeoutError("what happened meanwhile does not end")
        self._raise()

    def wait_to_the_end(self) -> None:
        """Wait until it has ended, which the lock's holder no longer prevents."""
        mine = getattr(_here, "thread", None)
        if mine is not None:
            mine._waits_for = self
        self._thread.join(ENDS_WITHIN_S)
        if mine is not None:
            mine._waits_for = None
        if self._thread.is_alive():
            raise TimeoutError("what happened meanwhile does not end")
        self._raise()

    def _is_blocked(self, backends: set[int]) -> bool:
        if self._waits_for is not None:
            return self._waits_for._is_blocked(backends)
        return any(backend in backends for process in self._playing[-1:] for backend, _ in list(process.backends))

    def _run(self) -> None:
        _here.thread = self
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - raised again where the pause is waited for
            self._error = error

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
