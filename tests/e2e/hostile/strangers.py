"""Strangers at a function's door: real sockets that bring nothing, half a head, no body, or one byte now and then."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

from sandbox.world.function_process import FunctionProcess

DRIP_S: Final = 0.2
HEAD: Final = b"POST /swap-executed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
UNREAD: Final = "requests whose answers he does not read"
WAYS: Final[dict[str, tuple[bytes, bytes]]] = {  # what a stranger sends at once, and what he goes on with
    "nothing": (b"", b""),
    "half a head": (HEAD + b"X-Half", b""),
    "no body": (HEAD + b"Content-Length: 100\r\n\r\n", b""),
    "half a body": (HEAD + b"Content-Length: 100\r\n\r\n{", b""),
    "no chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b""),
    "a dripping request line": (b"POST /", b"x"),
    "dripping headers": (HEAD, b"X-Next: 1\r\n"),
    "a dripping body": (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "dripping chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    UNREAD: (b"", b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 200),
}


class Stranger:
    """One who comes again as soon as he is sent away."""

    def __init__(self, function: FunctionProcess, way: str) -> None:
        self._address = get_address(function)
        self._first, self._again = WAYS[way]
        self._reads_nothing = way == UNREAD
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._stay, daemon=True)
        self.visits = 0

    def start(self) -> None:
        """Come in."""
        self._thread.start()

    def stop(self) -> None:
        """Stay away."""
        self._over.set()
        self._thread.join()

    def _stay(self) -> None:
        while not self._over.is_set():
            with suppress(OSError), socket.create_connection(self._address, 5) as connection:
                self.visits += 1
                connection.sendall(self._first)
                connection.setblocking(False)
                while not self._over.wait(DRIP_S) and (self._reads_nothing or not is_closed(connection)):
                    with suppress(BlockingIOError):
                        connection.send(self._again)
            self._over.wait(DRIP_S)


def is_closed(connection: socket.socket) -> bool:
    """Read what was answered, if anything was; whether the function has ended the connection."""
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    return True


def get_address(function: FunctionProcess) -> tuple[str, int]:
    """Where a function listens."""
    address = urlsplit(function.url)
    return str(address.hostname), address.port or 0


@contextmanager
def strangers(function: FunctionProcess, number: int) -> Iterator[list[Stranger]]:
    """Keep so many of them at the door for the block, of every kind."""
    ways = list(WAYS)
    crowd = [Stranger(function, ways[place % len(ways)]) for place in range(number)]
    with ExitStack() as stack:
        for each in crowd:
            each.start()
            stack.callback(each.stop)
        time.sleep(DRIP_S)
        yield crowd
