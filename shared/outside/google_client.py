"""Google's clients, each made on first use: their import is slow, and their threads do not survive gunicorn's fork.

A call's own time-out bounds what gRPC does. Credentials come from the metadata server, before and beside that, with
time-outs for single waits at best: so whatever is asked of a client is given up at a deadline of ours.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from typing import Final, Generic, TypeVar

from shared.outside.timed_calls import TimedCalls

MAKING_WITHIN_S: Final = 10

Client = TypeVar("Client")
Answer = TypeVar("Answer")


class GoogleClient(Generic[Client]):
    """One client of a process, whoever asks for it first."""

    def __init__(self, make: Callable[[], Client]) -> None:
        self._make = make
        self._made: Client | None = None
        self._making = Lock()
        self._calls = TimedCalls()

    @property
    def is_made(self) -> bool:
        """Whether it is there already."""
        return self._made is not None

    def prepare(self) -> None:
        """Begin to make it beside something that is waited for anyway; nothing to do once it is made."""
        if not self.is_made:
            Thread(target=self._try_to_make, daemon=True).start()

    def get(self) -> Client:
        """Return the client; raises whatever making it raises, or TimeoutError, and tries again next time."""
        return self._made or self._calls.run(MAKING_WITHIN_S, self._get)

    def call(self, within_s: float, ask: Callable[[Client], Answer]) -> Answer:
        """Ask something of the client once it is there; TimeoutError where there is no answer within *within_s*."""
        client = self.get()
        return self._calls.run(within_s, lambda: ask(client))

    def _get(self) -> Client:
        with self._making:
            if self._made is None:
                with _pause_collector():
                    self._made = self._make()
            return self._made

    def _try_to_make(self) -> None:
        with suppress(Exception):  # whatever it is, get() meets it again and its caller can say so
            self._get()


@contextmanager
def _pause_collector() -> Iterator[None]:
    """Keep garbage collection out of an import: all that it makes stays, and would be looked at again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
