"""swap_executed: GCHostPay1's callback through Cloud Tasks completes a batch."""

import json
import os
from functools import cache
from threading import Lock
from typing import Any, Final
from uuid import UUID

import functions_framework
from flask import Request, Response, current_app, has_app_context, jsonify

from shared import logs
from shared.errors import (
    BatchConflict,
    BatchUnknown,
    DatabaseUnavailable,
    LockUnavailable,
    Refused,
    SettingsInvalid,
    TokenRejected,
    TokenUnreadable,
    Unavailable,
    ValueImpossible,
)
from shared.flow import callback
from shared.model.money import plain
from shared.serving.entrance import guard
from shared.wiring.swap_executed import start_callback

BODY_BYTES_MAX: Final = 16 * 1024
RETRY_AFTER_S: Final = 30
CALLBACK_PATHS: Final = ("/", "/swap-executed")
ANSWERS: Final[dict[type[Refused], tuple[int, str]]] = {
    TokenUnreadable: (400, "token_unreadable"),
    TokenRejected: (401, "token_rejected"),
    BatchUnknown: (404, "batch_unknown"),
    BatchConflict: (409, "batch_conflict"),
    ValueImpossible: (422, "value_impossible"),
}


_wiring: Final = Lock()


@functions_framework.http
def swap_executed(request: Request) -> Response:
    """Answer ``POST /`` and ``POST /swap-executed`` with the outcome, ``GET /health`` with the database's."""
    try:
        with _wiring:
            dependencies = _dependencies()
        with logs.trace(dependencies.settings.project, request.headers):
            return _route(dependencies, request)
    except SettingsInvalid as error:
        logs.critical(logs.Event.SETTINGS_INVALID, str(error))
        return _answer_later("the settings are invalid; see the log")
    except Exception as error:  # noqa: BLE001 - the last resort: said in full, and an answer in our own words
        logs.internal_error(error)
        return _answer(500, status="error", message="internal error; see the log")


def _route(dependencies: callback.CallbackDependencies, request: Request) -> Response:
    path = request.path.rstrip("/") or "/"
    if path == "/health" and request.method in ("GET", "HEAD"):
        return _answer_health(dependencies)
    if path not in (*CALLBACK_PATHS, "/health"):
        return _answer(404, status="error", message="no such path; callbacks go to POST /swap-executed")
    if path == "/health" or request.method != "POST":
        response = _answer(405, status="error", message=f"{request.method} is not for {path}")
        response.headers["Allow"] = "GET, HEAD" if path == "/health" else "POST"
        return response
    return _answer_callback(dependencies, request)


def _answer_callback(dependencies: callback.CallbackDependencies, request: Request) -> Response:
    try:
        result = callback.process_callback(dependencies, _read_token(request))
    except Refused as refusal:
        status_code, word = ANSWERS[type(refusal)]
        return _refuse(status_code, word, str(refusal), refusal.batch_conversion_id)
    except Unavailable as error:
        if isinstance(error, DatabaseUnavailable) and not isinstance(error, LockUnavailable):
            logs.error(logs.Event.DATABASE_UNAVAILABLE, str(error))
        callback.log_deferred(str(error), error.batch_conversion_id)
        return _answer_later("not now; the callback has to come again")
    return _answer(
        200,
        status="success",
        message="batch completed" if result.records_updated else "batch was completed before; nothing changed",
        batch_conversion_id=str(result.report.batch_conversion_id),
        actual_usdt_received=plain(result.received_usdt),
        records_updated=result.records_updated,
        tx_hash=result.report.tx_hash,
    )


def _read_token(request: Request) -> str:
    """Take the token out of the JSON body; raises TokenUnreadable."""
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):  # no JSON, or nested deeper than the parser goes
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("token"), str):
        raise TokenUnreadable('the body is not {"token": "..."} in JSON')
    return str(body["token"])


def _answer_health(dependencies: callback.CallbackDependencies) -> Response:
    try:
        dependencies.health.require()
    except DatabaseUnavailable:
        return _answer(503, status="unhealthy", database="unavailable")
    return _answer(200, status="healthy", database="available")


def _refuse(status_code: int, refusal: str, reason: str, batch_conversion_id: UUID | None = None) -> Response:
    callback.log_refused(status_code, refusal, reason, batch_conversion_id)
    return _answer(status_code, status="error", message=reason)


def _answer_later(message: str) -> Response:
    response = _answer(503, status="error", message=message)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _answer(status_code: int, **document: Any) -> Response:
    response = jsonify(document)
    response.status_code = status_code
    return response


@cache
def _dependencies() -> callback.CallbackDependencies:
    """Wire the parts on the first request: threads and channels made at import do not survive gunicorn's fork."""
    return start_callback(os.environ)


if has_app_context():  # as the framework loads this module
    guard(current_app, body_bytes_max=BODY_BYTES_MAX, refuse=_refuse)
