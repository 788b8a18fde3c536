"""A peer that never gets to an end: always something, never the whole, on as many connections as anybody opens."""

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

PAUSE_S: Final = 0.05

WHOLE_HEAD: Final = b"HTTP/1.1 200 OK\r\nMetadata-Flavor: Google\r\nContent-Type: text/plain\r\nConnection: close\r\n"
JSON_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WAYS: Final[dict[str, tuple[bytes, bytes]]] = {  # what comes at once, and what comes again and again
    "nothing": (b"", b""),
    "the status line": (b"HTTP/1.1 200 O", b"K"),
    "headers": (JSON_HEAD, b"X-Next: 1\r\n"),
    "one header": (JSON_HEAD + b"X-Long: ", b"x"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "103 Early Hints": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "a body": (JSON_HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "a body without an end": (JSON_HEAD + b"\r\n", b" "),
    "a chunk's size": (JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunks": (JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "trailers": (JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X-Next: 1\r\n"),
}

HANDSHAKES: Final[dict[str, tuple[bytes, bytes]]] = {  # the same, of a server that is taken for PostgreSQL
    "a message": (b"N\x00\x0f\xff\xff", b"x"),
    "notices": (b"", b"N\x00\x00\x00\x0aSLOG\x00\x00"),
    "TLS": (b"S\x16\x03\x03\x3f\xff\x02\x00\x3f\xf0", b"x"),
}


class Dripper:
    """A server that answers everybody in one such way; *accepted* counts the connections.

    What is asked for at a path among *whole* is answered as it should be, with that text.
    """

    def __init__(self, way: str, certificate: Path | None, whole: Mapping[str, str]) -> None:
        self._first, self._again = (WAYS | HANDSHAKES)[way]
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._tls and certificate:
            self._tls.load_cert_chain(certificate)
        self._whole = whole
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self.accepted = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Begin to answer."""
        self._threads[0].start()

    def stop(self) -> None:
        """End all of it."""
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._threads.append(threading.Thread(target=self._drip, args=(stream,)))
            self._threads[-1].start()

    def _drip(self, stream: socket.socket) -> None:
        with suppress(OSError), self._tls.wrap_socket(stream, server_side=True) if self._tls else stream as talk:
            path = talk.recv(65536).decode("latin-1").partition(" ")[2].partition(" ")[0].partition("?")[0]
            if path in self._whole:
                text = self._whole[path].encode()
                talk.sendall(WHOLE_HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
                return
            talk.sendall(self._first)
            while not self._over.wait(PAUSE_S):
                talk.sendall(self._again)


@contextmanager
def dripping(
    way: str, certificate: Path | None = None, whole: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Dripper]:
    """Run such a server for the block, inside TLS where it has a certificate."""
    dripper = Dripper(way, certificate, whole)
    dripper.start()
    try:
        yield dripper
    finally:
        dripper.stop()
