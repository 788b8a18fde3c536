"""A small HTTP/1.1 server for the stand-ins: keep-alive, JSON, faults at the wire."""

import socket
import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.wire.decimal_json import dump_json
from sandbox.wire.faults import Action, HttpReply
from sandbox.wire.server import HOST, Server

BODY_BYTES_MAX = 2 * 1024 * 1024
DRIPPED_BYTES = 10_000  # that a dripping answer says it will have


@dataclass(frozen=True)
class Request:
    """What a peer asked for."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def name(self) -> str:
        """The name under which faults are asked for, such as ``POST /exchange``."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """What goes back: a status and a JSON document, or *body* as it is instead."""

    status: int
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


class HttpServer(Server):
    """Answers each request as answer() says and remembers what was asked."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port, HttpReply)
        self.requests: list[Request] = []
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """What goes back."""

    @property
    def url(self) -> str:
        """The address to call, without a slash at the end."""
        return f"http://{self.address}"

    def start(self) -> None:
        """Bind and serve in a thread; requests are accepted when this returns."""
        if self._server is not None:
            raise RuntimeError("the server runs already")
        self.faults.reset()
        self._server = _Server((HOST, self._port), self)
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close every connection; a second time is harmless."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is None or thread is None:
            return
        self.faults.release()
        server.shutdown()
        thread.join()
        server.close_connections()
        server.server_close()

    def serve(self, request: Request) -> Answer:
        """Note the request and answer it."""
        self.requests.append(request)
        return self.answer(request)


class Responder(HttpServer):
    """Answers by a function, which may be changed while it serves: for peers that need no class of their own."""

    def __init__(self, respond: Callable[[Request], Answer] = lambda _: Answer(200), port: int = 0) -> None:
        super().__init__(port)
        self.respond = respond

    def answer(self, request: Request) -> Answer:
        """What the function says."""
        return self.respond(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close() waits for them
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: HttpServer) -> None:
        self.service = service
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End the keep-alive connections that wait for a further request."""
        with self._lock:
            for connection in self._connections:
                _shut(connection)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the peer was faster


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one segment
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing: the service's list of requests is its log."""

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the peer hung up

    def finish(self) -> None:
        try:
            super().finish()
        except ConnectionError:
            self.close_connection = True

    def _serve(self) -> None:
        request = self._read()
        if request is None:
            return
        service = self.server.service
        action = service.faults.take(request.name, request)
        if action is None:
            self._send_answer(service.serve(request))
        else:
            self._meet(action, request, service)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _read(self) -> Request | None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES_MAX:
            self.close_connection = True
            self._send_answer(Answer(413, {"status": "error", "message": "the body is too long"}))
            return None
        parts = urlsplit(self.path)
        return Request(
            method=self.command,
            path=parts.path or "/",
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )

    def _meet(self, action: Action, request: Request, service: HttpServer) -> None:
        """Answer as a fault asks for."""
        if action.is_dripping:
            service.serve(request)
            self._drip(action, service)
            return
        if action.delay_s:
            service.faults.wait(action)
        if isinstance(action.reply, HttpReply):
            self._send(action.reply.code, action.reply.body, action.reply.headers)
            return
        answer = service.serve(request) if action.is_served else None
        if action.is_cut or answer is None:
            self._cut()
        else:
            self._send_answer(answer)

    def _drip(self, action: Action, service: HttpServer) -> None:
        """Send a head, and white space as its body until the peer hangs up (a ConnectionError) or the server stops."""
        self.close_connection = True
        self._send_head(200, {"Content-Type": "application/json"}, DRIPPED_BYTES)
        while not service.faults.wait(action):
            self.wfile.write(b" ")
            self.wfile.flush()

    def _cut(self) -> None:
        self.close_connection = True
        _shut(self.connection)

    def _send_answer(self, answer: Answer) -> None:
        headers = {"Content-Type": "application/json", **answer.headers}
        body = dump_json(answer.document) if answer.body is None else answer.body
        self._send(answer.status, body, headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._send_head(status, headers, len(body))
        self.wfile.write(body)
        self.wfile.flush()

    def _send_head(self, status: int, headers: Mapping[str, str], length: int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
