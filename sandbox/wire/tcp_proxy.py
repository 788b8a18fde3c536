"""A TCP proxy on loopback that cuts, swallows or delays what passes, and counts the turns of every connection.

    with TcpProxy(lambda: postgres.port) as proxy:
        ...                                       # connect to 127.0.0.1:proxy.port
        proxy.cut_when(b"COMMIT", after=True)     # the server commits, and nobody hears of it
        proxy.black_hole()                        # from now on silence, on old and new connections
        proxy.restore()

A turn is all that one side sends until the other side answers, so that a client's turns are its round trips.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self

HOST: Final = "127.0.0.1"
BACKLOG: Final = 128
CHUNK_BYTES: Final = 64 * 1024


@dataclass
class _Trap:
    """Cuts the connection on which a client sends *pattern*, before that or after the server's answer to it."""

    pattern: bytes
    after: bool
    passes: int


@dataclass
class Connection:
    """One client's connection and what has passed over it; the turns of either side alternate."""

    client: socket.socket
    server: socket.socket
    client_turns: int = 0
    server_turns: int = 0
    client_bytes: int = 0
    server_bytes: int = 0
    is_open: bool = True
    _cut_on_answer: bool = field(default=False, repr=False)
    _client_speaks: bool | None = field(default=None, repr=False)

    def count(self, size: int, *, from_client: bool) -> None:
        """Note what one side has sent."""
        turns = int(self._client_speaks is not from_client)
        self._client_speaks = from_client
        if from_client:
            self.client_turns += turns
            self.client_bytes += size
        else:
            self.server_turns += turns
            self.server_bytes += size

    def await_answer(self) -> None:
        """Let the server's next answer be the end of the connection."""
        self._cut_on_answer = True

    @property
    def ends_now(self) -> bool:
        """Whether the server's answer is not to arrive."""
        return self._cut_on_answer

    def cut(self) -> None:
        """Close both sides at once."""
        self.is_open = False
        for side in (self.client, self.server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


class TcpProxy:
    """Forwards 127.0.0.1:port to the port that *target_port* names at the time of each connection."""

    def __init__(self, target_port: Callable[[], int]) -> None:
        self.delay_s = 0.0
        self._target_port = target_port
        self._lock = threading.Lock()
        self._connections: list[Connection] = []
        self._traps: list[_Trap] = []
        self._sprung = 0
        self._threads: list[threading.Thread] = []
        self._flowing = threading.Event()
        self._stopped = threading.Event()
        self._listener: socket.socket | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port to connect to."""
        if self._listener is None:
            raise RuntimeError("the proxy is not running: start it first")
        return int(self._listener.getsockname()[1])

    @property
    def connections(self) -> list[Connection]:
        """Every connection since the start or the last forget(), oldest first."""
        with self._lock:
            return list(self._connections)

    @property
    def round_trips(self) -> int:
        """How often clients have spoken and been answered, over all these connections."""
        return sum(connection.server_turns for connection in self.connections)

    @property
    def sprung(self) -> int:
        """How many connections cut_when() has ended."""
        return self._sprung

    def start(self) -> Self:
        """Listen and forward until stop()."""
        self._stopped.clear()
        self._flowing.set()
        self._listener = socket.create_server((HOST, 0), backlog=BACKLOG)
        self._run(self._accept, self._listener)
        return self

    def stop(self) -> None:
        """Cut every connection and stop listening."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._stopped.set()
        self._flowing.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        listener.close()
        self.cut_all()
        for thread in self._threads:
            thread.join()

    def cut_all(self) -> None:
        """Cut every connection; new ones are forwarded as usual."""
        for connection in self.connections:
            connection.cut()

    def cut_when(self, pattern: bytes, *, after: bool = False, passes: int = 0) -> None:
        """Cut the connection on which a client next sends *pattern* (in one segment), after letting it pass so often.

        *after* lets the server have it and work, and drops its answer.
        """
        with self._lock:
            self._traps.append(_Trap(pattern, after, passes))

    def black_hole(self) -> None:
        """Forward nothing more; connections stay open, and new ones are accepted."""
        self._flowing.clear()

    def restore(self) -> None:
        """Forward as usual again, what was held back first; traps and the delay are gone."""
        with self._lock:
            self._traps.clear()
        self.delay_s = 0.0
        self._flowing.set()

    def forget(self) -> None:
        """Count from zero: leave the connections so far out of *connections*, and those still open at 0."""
        with self._lock:
            self._connections = [connection for connection in self._connections if connection.is_open]
            for connection in self._connections:
                connection.client_turns = connection.server_turns = 0
                connection.client_bytes = connection.server_bytes = 0
            self._sprung = 0

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        with self._lock:
            self._threads = [known for known in self._threads if known.is_alive()]
            self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return  # stopped
            try:
                server = socket.create_connection((HOST, self._target_port()))
            except OSError:
                client.close()  # nobody listens behind the proxy
                continue
            connection = Connection(client, server)
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.append(connection)
            self._run(self._serve, connection)

    def _serve(self, connection: Connection) -> None:
        backward = threading.Thread(target=self._pump, args=(connection, False), daemon=True)
        backward.start()
        self._pump(connection, True)
        backward.join()
        connection.client.close()
        connection.server.close()

    def _pump(self, connection: Connection, from_client: bool) -> None:
        """Carry one direction until either side ends, then end both."""
        source, sink = (connection.client, connection.server) if from_client else (connection.server, connection.client)
        with suppress(OSError):
            while chunk := source.recv(CHUNK_BYTES):
                if self.delay_s:
                    self._stopped.wait(self.delay_s)
                self._flowing.wait()
                if not self._passes(connection, chunk, from_client=from_client):
                    break
                with self._lock:
                    connection.count(len(chunk), from_client=from_client)
                sink.sendall(chunk)
        connection.cut()

    def _passes(self, connection: Connection, chunk: bytes, *, from_client: bool) -> bool:
        """Tell whether a chunk goes on, or is where the connection is to be cut."""
        if not from_client:
            return not connection.ends_now
        with self._lock:
            trap = next((each for each in self._traps if each.pattern in chunk), None)
            if trap is None:
                return True
            if trap.passes:
                trap.passes -= 1
                return True
            self._traps.remove(trap)
            self._sprung += 1
            if trap.after:
                connection.await_answer()
            return trap.after
