"""Serves the pages to this machine alone: no other can reach the address, whatever its firewall lets through."""

import errno
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from ops.command_line.failures import NotDone
from ops.pages.site import Clock, make_application
from shared.outside.database import Database

HOST: Final = "127.0.0.1"
PORT: Final = 8642
_REFUSALS: Final = {
    errno.EADDRINUSE: "port {port} is taken; another one: ./microbatch serve --port 0",
    errno.EACCES: "port {port} may not be opened; another one: ./microbatch serve --port 0",
}


class _Quiet(WSGIRequestHandler):
    """Says nothing of requests: who reads the terminal waits for something else."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's signature
        """Leave it out."""


class Pages:
    """Pages of one database under an address of this machine; port 0 takes any that is free."""

    def __init__(self, database: Database, port: int, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._server = _bound(database, port, clock)
        self._thread = threading.Thread(target=self._server.serve_forever, name="pages", daemon=True)

    @property
    def url(self) -> str:
        """Where a browser finds them."""
        return f"http://{HOST}:{self._server.port}/"

    def serve(self) -> None:
        """Answer until the process is interrupted."""
        with suppress(KeyboardInterrupt):
            self._server.serve_forever()

    def close(self) -> None:
        """Give the address back."""
        self._server.server_close()

    def __enter__(self) -> Self:
        """Answer in a thread."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._thread.join()
        self.close()


def _bound(database: Database, port: int, clock: Clock) -> BaseWSGIServer:
    """Make the server on a socket of our own: werkzeug would end the process where a port is taken."""
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise NotDone(_REFUSALS.get(error.errno or 0, "port {port}: {error}").format(port=port, error=error)) from error
    with listening:
        application = make_application(database, clock)
        return make_server(HOST, port, application, threaded=True, request_handler=_Quiet, fd=listening.fileno())
