"""gunicorn's worker with threads, as functions-framework runs it, made safe from strangers who take their time.

Of itself it waits for a head or a body for ever, in one of eight threads, and writes answers of its own in which a
caller finds back what he sent.
"""

import json
from http import HTTPStatus
from typing import Any, Final

from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

from shared import logs
from shared.serving.arrivals import ARRIVALS, REQUEST_WITHIN_S, STOPPING_WITHIN_S

REQUESTS_MAX: Final = 80  # at once: Terraform lets the platform send as many, and waiting costs next to nothing
SETTINGS: Final = {
    "threads": REQUESTS_MAX,
    "keepalive": 0,  # one request a connection: nobody can send on without reading his answers
    "limit_request_line": 8190,  # the framework sets none
    "graceful_timeout": 8,  # the platform kills an instance ten seconds after it asked it to end
}


class PunctualWorker(ThreadWorker):
    """Ends every connection that does not bring its request in time, and never waits for anybody in its loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in SETTINGS.items():
            self.cfg.set(name, value)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread, once it may be read from."""
        ARRIVALS.expect(conn.sock)
        super().enqueue_req(conn)

    def murder_pending(self) -> None:
        """End what is late; the loop comes here every second, also while it is stopping."""
        super().murder_pending()
        ARRIVALS.cut_late(REQUEST_WITHIN_S if self.alive else STOPPING_WITHIN_S)

    def handle(self, conn: TConn) -> Any:
        """Serve a connection, and close it in this thread: that waits for the peer for up to two seconds."""
        is_kept = super().handle(conn)
        if not is_kept:
            ARRIVALS.end(conn.sock)
            conn.close(graceful=True)
        return is_kept

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """Take note of a connection that is closed, in the loop."""
        if conn.sock.fileno() >= 0:
            super().finish_request(conn, fs)
        else:
            self.nr_conns -= 1

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ARG002 - its shape
        """Answer what is no HTTP in our own words, which repeat nothing of it."""
        if isinstance(exc, ParseException):
            status = _STATUSES.get(type(exc), HTTPStatus.BAD_REQUEST)
            logs.warning(logs.Event.REQUEST_UNREADABLE, "What arrived is no request", reason=type(exc).__name__)
        else:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            logs.internal_error(exc)
        body = json.dumps({"status": "error", "message": status.phrase}).encode()
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        util.write_nonblock(client, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


_STATUSES: Final = {
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
}
