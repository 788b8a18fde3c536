"""The sandbox's TCP proxy: it forwards, counts turns, and cuts, swallows or delays when it is told."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from sandbox.wire.tcp_proxy import TcpProxy

PATIENCE_S = 5.0


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets, in capitals."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with connection:
        try:
            while heard := connection.recv(1024):
                connection.sendall(heard.upper())
        except OSError:
            return


@pytest.fixture
def proxy(echo: int) -> Iterator[TcpProxy]:
    """A proxy before it."""
    with TcpProxy(lambda: echo) as proxy:
        yield proxy


def connected(proxy: TcpProxy) -> socket.socket:
    """A client's connection."""
    return socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S)


def say(client: socket.socket, text: bytes) -> bytes:
    """Send, and return the answer; empty when the connection was cut."""
    try:
        client.sendall(text)
        return client.recv(1024)
    except ConnectionError:
        return b""


def test_turns_are_round_trips(proxy: TcpProxy) -> None:
    """What is sent in pieces before the answer is one turn; every connection has counters of its own."""
    with connected(proxy) as first, connected(proxy) as second:
        assert say(first, b"one") == b"ONE"
        assert say(first, b"two") == b"TWO"
        assert say(second, b"three") == b"THREE"
        counted = [(each.client_turns, each.server_turns, each.client_bytes) for each in proxy.connections]
        assert counted == [(2, 2, 6), (1, 1, 5)]
        assert proxy.round_trips == 3
        proxy.forget()
        assert say(second, b"four") == b"FOUR"
        assert proxy.round_trips == 1


def test_a_cut_ends_every_connection_and_no_later_one(proxy: TcpProxy) -> None:
    """Both sides are closed at once."""
    with connected(proxy) as client:
        assert say(client, b"one") == b"ONE"
        proxy.cut_all()
        assert say(client, b"two") == b""
    with connected(proxy) as client:
        assert say(client, b"three") == b"THREE"


@pytest.mark.parametrize("after", [False, True])
def test_a_cut_at_a_pattern(proxy: TcpProxy, after: bool) -> None:
    """Before the server has it, or after the server has done it; so many occurrences pass first."""
    proxy.cut_when(b"stop", passes=1, after=after)
    with connected(proxy) as client:
        assert say(client, b"one") == b"ONE"
        assert say(client, b"a stop passes") == b"A STOP PASSES"
        assert say(client, b"stop") == b""
        (connection,) = proxy.connections
        assert connection.client_bytes == 16 + (4 if after else 0)
        assert connection.server_bytes == 16
        assert (proxy.sprung, connection.is_open) == (1, False)
    with connected(proxy) as client:
        assert say(client, b"stop") == b"STOP"


def test_a_black_hole_swallows_and_gives_back(proxy: TcpProxy) -> None:
    """Nothing comes while it lasts, not even on new connections; afterwards all that was held back."""
    with connected(proxy) as old:
        assert say(old, b"one") == b"ONE"
        proxy.black_hole()
        with connected(proxy) as new:
            for client in (old, new):
                client.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    say(client, b"two")
                client.settimeout(PATIENCE_S)
            proxy.restore()
            assert (old.recv(1024), new.recv(1024)) == (b"TWO", b"TWO")


def test_a_delay_counts_both_ways(proxy: TcpProxy) -> None:
    """Each chunk waits."""
    proxy.delay_s = 0.05
    with connected(proxy) as client:
        started_at = time.monotonic()
        assert say(client, b"one") == b"ONE"
        assert time.monotonic() - started_at >= 0.1


def test_nobody_behind_the_proxy() -> None:
    """The client's connection is closed, as a refused one would be."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with TcpProxy(lambda: port) as proxy, connected(proxy) as client:
        assert say(client, b"one") == b""
