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
from shared.errors import DatabaseUnavailable, SettingsInvalid
from shared.flow.check import Desk, run_check
from shared.outside.changenow import ChangeNow
from shared.outside.cloud_tasks import OrderQueue
from shared.outside.database import open_database
from shared.outside.pubsub import open_publisher
from shared.outside.secret_manager import SecretManager
from shared.settings import load_check_settings


@functions_framework.cloud_event
def check_threshold(event: CloudEvent) -> None:
    """Run one check; attribute ``force=true`` opens a batch below the threshold. A 500 brings the tick back."""
    try:
        desk = _desk()
        with logs.trace(desk.settings.project, _headers()):
            run_check(desk, forced=_is_forced(event.data))
    except SettingsInvalid as error:
        logs.critical(logs.Event.SETTINGS_INVALID, str(error))
        raise InternalServerError("the settings are invalid; see the log") from error
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


@cache
def _desk() -> Desk:
    """Wire the parts on the first request: threads and channels made at import do not survive gunicorn's fork."""
    logs.configure()
    settings = load_check_settings(os.environ)
    logs.configure(settings.secrets)
    secrets = SecretManager(settings.project, settings.secrets_emulator)
    secrets.client.prepare()  # while the database is being connected to
    return Desk(
        settings=settings,
        database=open_database(settings.database),
        exchange=ChangeNow(settings.changenow_api_url, settings.changenow_api_key, settings.http_timeout_s),
        orders=OrderQueue(
            queue=settings.tasks_queue,
            url=settings.gchostpay1_url,
            invoker=settings.gchostpay1_invoker,
            emulator=settings.tasks_emulator,
        ),
        secrets=secrets,
        publisher=open_publisher(settings.events_topic, settings.events_emulator),
        now=lambda: datetime.now(UTC),
    )
