"""A gRPC server on loopback that speaks the client library's own message types and meets faults."""

import math
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from sandbox.wire.faults import Action, GrpcReply
from sandbox.wire.server import HOST, Server

THREADS: Final = 32


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


class GrpcServer(Server):
    """Serves the calls that calls() lists; any other one is UNIMPLEMENTED."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port, GrpcReply)
        self._server: Any = None
        self._pool: ThreadPoolExecutor | None = None

    @abstractmethod
    def calls(self) -> Iterable[Call]:
        """What is served."""

    def start(self) -> None:
        """Listen; a port in use is an error."""
        if self._server is not None:
            raise RuntimeError("the server runs already")
        self.faults.reset()
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix=type(self).__name__)
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
            action = self.faults.take(call.name, request)
            return _served(call, request, context) if action is None else self._meet(action, call, request, context)

        return grpc.unary_unary_rpc_method_handler(
            serve,
            request_deserializer=_codec(call.request, "deserialize", "FromString"),
            response_serializer=_codec(call.answer, "serialize", "SerializeToString"),
        )

    def _meet(self, action: Action, call: Call, request: Any, context: Any) -> Any:  # as gRPC calls
        """Answer as a fault asks for."""
        if action.delay_s == math.inf:
            _sleep_until_over(context)
        if action.delay_s and self.faults.wait(action):
            context.abort(grpc.StatusCode.UNAVAILABLE, "the server stops")
        answer = _served(call, request, context) if action.is_served else None
        if isinstance(action.reply, GrpcReply):
            context.abort(action.reply.code, action.reply.details)
        if action.is_cut:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")
        return answer


def _served(call: Call, request: Any, context: Any) -> Any:
    """The answer of whoever serves the call."""
    try:
        return call.serve(request)
    except RefusedError as refused:
        context.abort(refused.code, refused.details)
        raise


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
