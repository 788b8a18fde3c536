"""check_threshold: a tick from Cloud Scheduler through Pub/Sub starts one check."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from typing import Any, Final

import flask
import functions_framework
from cloudevents.http import CloudEvent
from werkzeug.exceptions import InternalServerError

from shared import logs
from shared.errors import CheckInProgress, DatabaseUnavailable, SettingsInvalid
from shared.flow.check import run_check
from shared.flow.context import CheckDependencies
from shared.serving.entrance import guard
from shared.wiring.check_threshold import start_check

BODY_BYTES_MAX: Final = 1024 * 1024  # an event has 512 KB at most

_wiring: Final = Lock()


@functions_framework.cloud_event
def check_threshold(event: CloudEvent) -> None:
    """Run one check; attribute ``force=true`` opens a batch below the threshold. A 500 brings the tick back."""
    try:
        with _wiring:
            dependencies = _dependencies()
        with logs.trace(dependencies.settings.project, _headers()):
            run_check(dependencies, forced=_is_forced(event.data), told_at=_told_at(event))
    except SettingsInvalid as error:
        logs.critical(logs.Event.SETTINGS_INVALID, str(error))
        raise InternalServerError("the settings are invalid; see the log") from error
    except CheckInProgress as error:
        raise InternalServerError("another check is in progress; the forced tick has to come again") from error
    except DatabaseUnavailable as error:
        logs.error(logs.Event.DATABASE_UNAVAILABLE, str(error))
        raise InternalServerError("the database does not answer; the tick has to come again") from error
    except Exception as error:
        logs.internal_error(error)
        raise InternalServerError("internal error; see the log") from error


def refuse(status_code: int, word: str, reason: str) -> flask.Response:
    """Tell of what is no event of ours, in one line, and answer it."""
    logs.warning(
        logs.Event.REQUEST_UNREADABLE, f"Tick refused: {reason}", status_code=status_code, refusal=word, reason=reason
    )
    response = flask.jsonify(status="error", message=reason)
    response.status_code = status_code
    return response


def _headers() -> logs.Headers:
    """Return the headers that the event came with, which hold its trace."""
    return flask.request.headers if flask.has_request_context() else {}


def _is_forced(data: Any) -> bool:
    """Read the message's attribute; a tick without a message, or with an odd one, is still a tick."""
    message = data.get("message") if isinstance(data, Mapping) else None
    attributes = message.get("attributes") if isinstance(message, Mapping) else None
    return isinstance(attributes, Mapping) and str(attributes.get("force", "")).strip().lower() == "true"


def _told_at(event: CloudEvent) -> datetime | None:
    """Read when the tick was sent; None where it does not say."""
    try:
        told_at = datetime.fromisoformat(str(event.get("time")))
    except ValueError:
        return None
    return told_at if told_at.tzinfo else told_at.replace(tzinfo=UTC)


@cache
def _dependencies() -> CheckDependencies:
    """Wire the parts on the first request: threads and channels made at import do not survive gunicorn's fork."""
    return start_check(os.environ)


if flask.has_app_context():  # as the framework loads this module
    guard(flask.current_app, body_bytes_max=BODY_BYTES_MAX, refuse=refuse)
