"""Every request is taken in whole before the function sees it, and every refusal before that is in our own words.

The framework reads a body of any length into memory, in whatever time it takes to come, and its pages for what it
cannot read repeat the caller's headers.
"""

import io
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final

from flask import Flask, Request, Response, jsonify, request
from gunicorn.config import WorkerClass
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from shared import logs
from shared.serving.arrivals import ARRIVALS, REQUEST_WITHIN_S
from shared.serving.worker import PunctualWorker

READ_BYTES: Final = 64 * 1024
READS_MAX: Final = 1024  # 64 MiB; the platform takes 32 MiB at most

Refuse = Callable[[int, str, str], Response]  # status, a word that can be counted, the reason


class NotTaken(Exception):
    """A body that is refused before anybody looks into it."""

    def __init__(self, status_code: int, word: str, reason: str) -> None:
        super().__init__(reason)
        self.status_code, self.word, self.reason = status_code, word, reason


def guard(app: Flask, *, body_bytes_max: int, refuse: Refuse) -> None:
    """Guard an app that the framework is about to serve; *refuse* tells of a refusal and answers it."""
    logs.configure()  # the secrets are not read by now; nothing that is said before they are holds one
    WorkerClass.default = f"{PunctualWorker.__module__}.{PunctualWorker.__name__}"
    app.before_request(partial(_take_in, body_bytes_max, refuse))
    app.register_error_handler(Exception, partial(_answer_error, refuse))


def _take_in(body_bytes_max: int, refuse: Refuse) -> Response | None:
    """Read the body to its end; None where the function may have it."""
    body = b""
    try:
        body = _read_body(request, body_bytes_max)
    except NotTaken as refusal:
        return refuse(refusal.status_code, refusal.word, refusal.reason)
    finally:
        request.stream = io.BytesIO(body)  # the framework reads on once the answer is made: nothing may be left
    return None


def _read_body(arriving: Request, body_bytes_max: int) -> bytes:
    """Read a body, keeping no more of it than is allowed; one in chunks does not say its length before."""
    kept, length, error = bytearray(), 0, None
    try:
        for _ in range(READS_MAX):
            part = arriving.stream.read(READ_BYTES)
            if not part:
                break
            length += len(part)
            if len(kept) <= body_bytes_max:
                kept += part
    except Exception as caught:  # noqa: BLE001 - gunicorn's errors of a stream have no kind in common
        error = caught
    is_late = not ARRIVALS.end(arriving.environ.get("gunicorn.socket"))
    if len(kept) > body_bytes_max:
        raise NotTaken(413, "body_too_large", f"the body is larger than {body_bytes_max} bytes") from error
    if error is not None or length < (arriving.content_length or 0):
        if is_late:
            raise NotTaken(408, "request_late", f"the request did not arrive within {REQUEST_WITHIN_S} s") from error
        raise NotTaken(400, "body_incomplete", "the body did not arrive whole") from error
    return bytes(kept)


def _answer_error(refuse: Refuse, error: Exception) -> Response:
    """Answer what the framework could not bring to the function; its own words hold what the caller sent."""
    if isinstance(error, RequestRedirect | NotFound):  # a redirect to the same path with fewer slashes
        return _answer(HTTPStatus.NOT_FOUND)
    if isinstance(error, MethodNotAllowed):
        response = _answer(HTTPStatus.METHOD_NOT_ALLOWED)
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response
    code = error.code if isinstance(error, HTTPException) and error.code in range(400, 500) else None
    return refuse(code or 400, "request_unreadable", f"the request cannot be read ({type(error).__name__})")


def _answer(status: HTTPStatus) -> Response:
    response = jsonify(status="error", message=status.phrase)
    response.status_code = status.value
    return response
