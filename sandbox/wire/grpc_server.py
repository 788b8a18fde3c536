"""A gRPC server on loopback that speaks the client library's own message types and meets faults."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from sandbox.wire.faults import Delay, Faults, Hang, LoseAnswer, Refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

HOST = "127.0.0.1"

_THREADS = 32


class RefusedError(Exception):
    """The call ends with this gRPC status instead of an answer."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(f"{code.name}: {details}")
        self.code = code
        self.details = details


@dataclass(frozen=True)
class Call:
    """One unary call: its name, its types of request and answer, and who serves it."""

    service: str
    name: str
    request: Any
    answer: Any
    serve: Callable[[Any], Any]


class RpcServer:
    """Serves the calls that calls() lists; any other one is UNIMPLEMENTED.

    The port is free, or the one given, and stays the same when the server is stopped and started
    again; what the server knows stays as well.
    """

    def __init__(self, port: int = 0) -> None:
        self.faults = Faults((Refuse, Delay, Hang, LoseAnswer))
        self._port = port
        self._server: Any = None
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def calls(self) -> Iterable[Call]:
        """What is served; for the subclass to say."""
        raise NotImplementedError

    @property
    def address(self) -> str:
        """`host:port`, as the *_EMULATOR_HOST variables take it."""
        if not self._port:
            raise RuntimeError("the server has not been started")
        return f"{HOST}:{self._port}"

    def start(self) -> None:
        """Listen; a port in use is an error."""
        if self._server is not None:
            raise RuntimeError("the server runs already")
        self.faults.reset()
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix=type(self).__name__)
        # Too large is the service's to say, not the transport's; SO_REUSEPORT would share a port.
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
        server = grpc.server(pool, handlers=self._handlers(), options=options)
        try:
            self._port = server.add_insecure_port(f"{HOST}:{self._port}")
        except RuntimeError:
            pool.shutdown()
            raise
        server.start()
        self._server, self._pool = server, pool

    def stop(self) -> None:
        """Break all calls and stop listening; a second time is harmless."""
        server, pool, self._server, self._pool = self._server, self._pool, None, None
        if server is None or pool is None:
            return
        self.faults.release()
        server.stop(None).wait()
        pool.shutdown()

    def _handlers(self) -> list[Any]:
        services: dict[str, dict[str, Any]] = {}
        for call in self.calls():
            services.setdefault(call.service, {})[call.name] = self._handler(call)
        return [grpc.method_handlers_generic_handler(service, handlers) for service, handlers in services.items()]

    def _handler(self, call: Call) -> Any:
        def serve(request: Any, context: Any) -> Any:
            return self._serve(call, request, context)

        return grpc.unary_unary_rpc_method_handler(
            serve,
            request_deserializer=_codec(call.request, "deserialize", "FromString"),
            response_serializer=_codec(call.answer, "serialize", "SerializeToString"),
        )

    def _serve(self, call: Call, request: Any, context: Any) -> Any:
        """Meet the fault that waits for this call, if any, or serve it."""
        action = self.faults.take(call.name, request)
        if isinstance(action, Refuse):
            context.abort(action.code, action.details)
        if isinstance(action, Hang):
            _sleep_until_over(context)
        if isinstance(action, Delay) and self.faults.wait(action.delay_s):
            context.abort(grpc.StatusCode.UNAVAILABLE, "the server stops")
        try:
            answer = call.serve(request)
        except RefusedError as refused:
            context.abort(refused.code, refused.details)
            raise
        if isinstance(action, LoseAnswer):
            context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")
        return answer


def _codec(message: Any, wrapped: str, plain: str) -> Any:
    """The function of a proto-plus type, or that of a plain protobuf type."""
    return getattr(message, wrapped) if hasattr(message, wrapped) else getattr(message, plain)


def now() -> Timestamp:
    """The present instant as the messages carry it."""
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp


def _sleep_until_over(context: Any) -> None:
    """Sleep until the caller has given up or the server stops, then end the call."""
    over = threading.Event()
    if context.add_callback(over.set):
        over.wait()
    context.abort(grpc.StatusCode.CANCELLED, "nobody waits for the answer")
