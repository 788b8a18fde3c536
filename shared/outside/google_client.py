"""Google's clients, each made on first use: their import is slow, and their threads do not survive gunicorn's fork."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from typing import Generic, TypeVar

Client = TypeVar("Client")


class GoogleClient(Generic[Client]):
    """One client of a process, whoever asks for it first."""

    def __init__(self, make: Callable[[], Client]) -> None:
        self._make = make
        self._made: Client | None = None
        self._making = Lock()

    @property
    def is_made(self) -> bool:
        """Whether it is there already."""
        return self._made is not None

    def prepare(self) -> None:
        """Begin to make it beside something that is waited for anyway; nothing to do once it is made."""
        if not self.is_made:
            Thread(target=self._try_to_make, daemon=True).start()

    def get(self) -> Client:
        """Return the client; raises whatever making it raises, and tries again next time."""
        with self._making:
            if self._made is None:
                with _pause_collector():
                    self._made = self._make()
            return self._made

    def _try_to_make(self) -> None:
        with suppress(Exception):  # whatever it is, get() meets it again and its caller can say so
            self.get()


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
