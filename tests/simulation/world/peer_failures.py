"""How each kind of peer fails, at the wire: what a PeerFailure means at a boundary, by its flavour."""

import json
from typing import Any, Final

from grpc import StatusCode

from sandbox.wire import faults
from sandbox.wire.faults import Action
from shared.outside.statements import STATEMENTS
from tests.simulation.engine.boundaries import Boundary
from tests.simulation.history.vocabulary import PeerFailure
from tests.simulation.world.processes import Process
from tests.simulation.world.servers import Servers


def _error(code: str, status: int = 400) -> Action:
    return faults.status(status, body=json.dumps({"error": code, "message": "as the simulation wants it"}))


def _document(**fields: Any) -> Action:
    return faults.body(json.dumps(fields).encode())


DRIP: Final = faults.drip(0.001)  # by the real clock; how much of the played one it takes the running action says
GENERAL: Final[tuple[Action, ...]] = (
    faults.lose_answer,
    faults.cut,
    faults.status(500),
    faults.status(503, body="<html>busy</html>"),
    faults.status(429, {"Retry-After": "2"}),
    faults.status(429),
    faults.body(b"<html>Just a moment...</html>"),
    faults.body(b'{"id": "abc", "sta'),
    faults.body(b"null"),
    DRIP,
    faults.body(b"{}"),
    faults.status(401, body='{"error": "unauthorized", "message": "no key"}'),
)
SPECIAL: Final[dict[str, tuple[Action, ...]]] = {
    "GET /exchange/estimated-amount": (
        _error("deposit_too_small"),
        _error("out_of_range"),
        _error("not_valid_params"),
        _document(toAmount=None),
        faults.body(b'{"toAmount": 1e300}'),
        faults.body(b'{"toAmount": 1e-30}'),
        faults.body(b'{"toAmount": 25}'),
        faults.body(b'{"toAmount": NaN}'),
        faults.body(b'{"toAmount": -1}'),
    ),
    "GET /exchange/range": (
        _document(minAmount=None, maxAmount=None),
        faults.body(b'{"minAmount": 1e300, "maxAmount": null}'),
        faults.body(b'{"minAmount": 0.0005, "maxAmount": 0.0000001}'),
        _error("not_valid_params"),
    ),
    "POST /exchange": (
        _error("not_valid_address"),
        _error("deposit_too_small"),
        _error("invalid_api_key", 403),
        _document(id="made-up-1", payinAddress="0x" + "11" * 20, payoutAddress="0x" + "22" * 20),
        _document(id="made-up-2", payinAddress="0x" + "33" * 20, fromAmount=25),
        _document(id="made-up-3"),
        _document(payinAddress="0x" + "44" * 20),
        _document(id="made-up-4", payinAddress="0x" + "55" * 20, toAmount=0.01),
    ),
    "GET /exchange/by-id": (
        _error("not_found", 404),
        _error("not_valid_params"),
        _document(status="waiting"),
        _document(status="hold"),
        _document(status="finished", amountTo=None),
        _document(status="finished", amountTo="NaN"),
        faults.body(b'{"status": "finished", "amountTo": 1e300}'),
        faults.body(b'{"status": "finished", "amountTo": 1e-300}'),
        _document(id="another", status="finished", amountTo=20),
    ),
}
TASKS: Final[tuple[Action, ...]] = (
    faults.lose_answer,
    faults.refuse(StatusCode.UNAVAILABLE),
    faults.refuse(StatusCode.PERMISSION_DENIED),
    faults.lose_answer,
    faults.refuse(StatusCode.INTERNAL),
    faults.refuse(StatusCode.DEADLINE_EXCEEDED),
    faults.refuse(StatusCode.RESOURCE_EXHAUSTED),
    faults.refuse(StatusCode.NOT_FOUND),
    faults.refuse(StatusCode.CANCELLED),
    faults.refuse(StatusCode.ABORTED),
    faults.Action("taken, then cancelled", is_served=True, reply=faults.GrpcReply(StatusCode.CANCELLED, "given up")),
    faults.Action("taken, then aborted", is_served=True, reply=faults.GrpcReply(StatusCode.ABORTED, "contention")),
)
SECRETS: Final[tuple[Action, ...]] = (
    faults.refuse(StatusCode.PERMISSION_DENIED),
    faults.refuse(StatusCode.FAILED_PRECONDITION),
    faults.refuse(StatusCode.INTERNAL),
    faults.refuse(StatusCode.UNAVAILABLE),
    faults.lose_answer,
)
EVENTS: Final[tuple[Action, ...]] = (
    faults.refuse(StatusCode.PERMISSION_DENIED),
    faults.lose_answer,
    faults.refuse(StatusCode.NOT_FOUND),
    faults.refuse(StatusCode.UNAVAILABLE),
)
FENCE: Final[tuple[Action, ...]] = (
    faults.lose_answer,
    faults.cut,
    faults.status(503),
    faults.status(403),
    faults.status(429),
    faults.body(b"{}"),
)
OVER_HTTP: Final = ("http", "fence")
RESTART_FLAVOUR: Final = 11  # of every dozen failures of the database, one takes the server with it


def fail_peer(
    servers: Servers, process: Process, failure: PeerFailure, *, boundary: Boundary, is_after: bool, connection: Any
) -> str:
    """Let the peer behind a boundary fail; returns what the summary counts, or raises what the driver would."""
    if boundary.kind in ("connect", "database", "statement"):
        return _database(servers, process, failure, boundary=boundary, is_after=is_after, connection=connection)
    if is_after:
        if boundary.kind not in OVER_HTTP:
            return "nothing"
        raise ConnectionResetError("the answer was lost")
    return _peer(servers, failure, boundary)


def _peer(servers: Servers, failure: PeerFailure, boundary: Boundary) -> str:
    """Tell a stand-in how to meet the next calls."""
    server, method, actions = {
        "http": (servers.exchange, "*", GENERAL + SPECIAL.get(boundary.call, ())),
        "tasks": (servers.tasks, "CreateTask", TASKS),
        "secrets": (servers.secrets, "AccessSecretVersion", SECRETS),
        "events": (servers.pubsub, "Publish", EVENTS),
        "fence": (servers.storage, "*", FENCE),
    }[boundary.kind]
    action = actions[failure.flavour % len(actions)]
    server.faults.add(method, action, times=1 if action in (faults.lose_answer, DRIP) else failure.times)
    if action is faults.lose_answer and failure.times > 1:  # the line is down from then on
        silence = faults.status(503) if boundary.kind in OVER_HTTP else faults.refuse(StatusCode.UNAVAILABLE)
        server.faults.add(method, silence, times=failure.times)
    return f"{boundary.kind}: {action.name}"


def _database(
    servers: Servers, process: Process, failure: PeerFailure, *, boundary: Boundary, is_after: bool, connection: Any
) -> str:
    """Cut the connection before the call, lose the answer after it, cancel a statement, or restart the server."""
    if boundary.kind == "connect":
        raise ConnectionRefusedError("nobody listens")
    backends = [backend for backend, held in process.backends if held is connection]
    if is_after:
        servers.observer.cut_off(backends)
        raise ConnectionResetError("the answer was lost")
    flavour = failure.flavour % (RESTART_FLAVOUR + 1)
    if flavour == RESTART_FLAVOUR:
        servers.observer.restart(hard=bool(failure.times % 2))
        return "database: restarted"
    if boundary.call in STATEMENTS.texts and flavour % 2:
        connection.execute_simple("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(5)")
    servers.observer.cut_off(backends)
    return "database: cut before"
