"""Calls that are given up at a deadline, whatever they hang on: a name that is not resolved, a peer that drips.

What a library does inside (credentials, a resolver, a handshake) has time-outs for each single wait at best. So the
call runs in a thread of its own, and who asked goes on without it. How many may hang at once is bounded.
"""

import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

HANGING_MAX: Final = 8

Result = TypeVar("Result")


class Deadline:
    """The end of a call with all that belongs to it."""

    def __init__(self, within_s: float) -> None:
        self._ends_at_s = time.monotonic() + within_s

    def get_left_s(self) -> float:
        """Return how long may still be waited; raises TimeoutError once that is nothing."""
        left_s = self._ends_at_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the deadline of the call has passed")
        return left_s

    def leaves(self, pause_s: float) -> bool:
        """Tell whether there is still something left after a pause."""
        return self._ends_at_s - time.monotonic() > pause_s


class TimedCalls:
    """Makes the calls of one client; those that hang count against it alone."""

    def __init__(self) -> None:
        self._hanging: list[threading.Thread] = []
        self._lock = threading.Lock()

    def run(
        self, within_s: float, call: Callable[[], Result], *, too_late: Callable[[Result], None] | None = None
    ) -> Result:
        """Return what *call* does; TimeoutError where that takes longer, or too many calls before it still hang.

        *too_late* gets what came of a call that was given up, to let go of it.
        """
        self._require_room()
        future: Future[Result] = Future()
        work = contextvars.copy_context().run
        thread = threading.Thread(target=work, args=(_work, future, call), daemon=True, name="timed call")
        thread.start()
        try:
            return future.result(within_s)
        except TimeoutError:
            if future.done():  # the call itself says so, or it ended just now
                return future.result()
            with self._lock:
                self._hanging.append(thread)
            if too_late is not None:
                future.add_done_callback(lambda done: None if done.exception() else too_late(done.result()))
            raise TimeoutError(f"no end within {within_s:g} s") from None

    def _require_room(self) -> None:
        with self._lock:
            self._hanging = [thread for thread in self._hanging if thread.is_alive()]
            if len(self._hanging) >= HANGING_MAX:
                raise TimeoutError(f"{HANGING_MAX} calls before this one still hang")


def _work(future: "Future[Result]", call: Callable[[], Result]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - whoever asked gets it, if he still listens
        future.set_exception(error)
