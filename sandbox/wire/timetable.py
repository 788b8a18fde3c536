"""Runs actions at their times, from a bounded number of threads."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_THREADS = 32


class Timetable:
    """Actions due at monotonic times; those that are not due when it stops are forgotten."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._pool = ThreadPoolExecutor(_THREADS, "timetable")
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="timetable", daemon=True)

    def start(self) -> None:
        """Begin to run what is due."""
        self._thread.start()

    def stop(self) -> None:
        """Run nothing more, and return when what runs has ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()
        self._pool.shutdown(cancel_futures=True)

    def add(self, wait_s: float, action: Callable[[], None]) -> None:
        """Run *action* after *wait_s* seconds."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + wait_s, next(self._order), action))
            self._changed.notify_all()

    def _run(self) -> None:
        with self._changed:
            while not self._stopping:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is None or wait_s > 0:
                    self._changed.wait(wait_s)
                else:
                    self._pool.submit(heapq.heappop(self._due)[2])
