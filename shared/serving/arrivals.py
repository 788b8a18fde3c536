"""Requests on their way in: a connection has so long to bring one whole, its head and its body."""

import socket
import threading
import time
from contextlib import suppress
from typing import Final

REQUEST_WITHIN_S: Final = 5
STOPPING_WITHIN_S: Final = 1  # once the process was asked to end


class Arrivals:
    """The connections whose request has not arrived whole; safe for threads."""

    def __init__(self) -> None:
        self._since_s: dict[socket.socket, float] = {}
        self._late: set[socket.socket] = set()
        self._lock = threading.Lock()

    def expect(self, sock: socket.socket) -> None:
        """Begin to count, unless it is expected already."""
        with self._lock:
            self._since_s.setdefault(sock, time.monotonic())

    def end(self, sock: socket.socket | None) -> bool:
        """Stop counting; returns False where the request was cut off because it was late."""
        if sock is None:  # served by something else, which does not say
            return True
        with self._lock:
            self._since_s.pop(sock, None)
            is_late = sock in self._late
            self._late.discard(sock)
            return not is_late

    def cut_late(self, within_s: float) -> None:
        """Let whoever still reads from a connection after so long read its end; an answer can still be written."""
        with self._lock:
            began_s = time.monotonic() - within_s
            late = [sock for sock, since_s in self._since_s.items() if since_s <= began_s]
            for sock in late:
                del self._since_s[sock]
                if sock.fileno() >= 0:
                    self._late.add(sock)
        for sock in late:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RD)


ARRIVALS: Final = Arrivals()
