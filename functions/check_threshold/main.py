"""check_threshold: a tick from Cloud Scheduler through Pub/Sub starts one check."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import flask
import functions_framework
from cloudevents.http import CloudEvent
from werkzeug.exceptions import HTTPException, InternalServerError

from shared import logs
from shared.errors import CheckInProgress, DatabaseUnavailable, SettingsInvalid
from shared.flow.check import run_check
from shared.flow.context import CheckDependencies
from shared.wiring.check_threshold import start_check


@functions_framework.cloud_event
def check_threshold(event: CloudEvent) -> None:
    """Run one check; attribute ``force=true`` opens a batch below the threshold. A 500 brings the tick back."""
    try:
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


def refuse_unreadable(error: Exception) -> Any:
    """Answer 400 to what is not an event: the framework, which reads it, would log a stack trace of its own."""
    if isinstance(error, HTTPException):
        return error
    return flask.jsonify(status="error", message="the request is not a readable event"), 400


if flask.has_app_context():  # as the framework loads this module
    flask.current_app.register_error_handler(Exception, refuse_unreadable)


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
