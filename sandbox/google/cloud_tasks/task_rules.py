"""Cloud Tasks' rules for tasks and retries, apart from any server: names, limits, waits, end."""

import re
import time
from typing import Any

import grpc
from google.cloud.tasks_v2 import types
from google.protobuf.duration_pb2 import Duration

from sandbox.wire.grpc_server import RefusedError

TASK_BYTES_MAX = 1024 * 1024

_LOCATION = r"projects/[^/]+/locations/[^/]+"
_QUEUE = re.compile(rf"{_LOCATION}/queues/[A-Za-z0-9-]{{1,100}}")
_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")
_URL_CHARACTERS_MAX = 2083
_HEADER_BYTES_MAX = 80 * 1024
_SCHEDULE_AHEAD_MAX_S = 30 * 24 * 3600
_DEADLINE_MIN_S, _DEADLINE_MAX_S, _DEADLINE_DEFAULT_S = 15, 30 * 60, 600
_METHODS_WITH_BODY = (types.HttpMethod.POST, types.HttpMethod.PUT, types.HttpMethod.PATCH)


def check_queue_name(name: str) -> None:
    """Refuse a name that is not a queue's full name."""
    if not _QUEUE.fullmatch(name):
        raise invalid('Queue name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>"')


def check_task(parent: str, task: types.Task) -> None:
    """Refuse a task that Cloud Tasks would not take into the queue *parent*."""
    message = types.Task.pb(task)
    if task.name:
        _check_task_name(parent, task.name)
    if not message.HasField("http_request"):
        raise RefusedError(grpc.StatusCode.UNIMPLEMENTED, "Only HTTP targets are served.")
    _check_http_request(task.http_request)
    if message.HasField("dispatch_deadline"):
        deadline_s = message.dispatch_deadline.ToTimedelta().total_seconds()
        if not _DEADLINE_MIN_S <= deadline_s <= _DEADLINE_MAX_S:
            raise invalid("Task.dispatchDeadline must be between [15s, 30m].")
    if message.schedule_time.ToSeconds() > time.time() + _SCHEDULE_AHEAD_MAX_S:
        raise invalid("The schedule time may be at most 30 days in the future.")
    if message.ByteSize() > TASK_BYTES_MAX:
        raise invalid("Task size too large")


def _check_task_name(parent: str, name: str) -> None:
    queue, _, task_id = name.rpartition("/tasks/")
    if not _QUEUE.fullmatch(queue) or not _TASK_ID.fullmatch(task_id):
        raise invalid(
            'Task name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/'
            '<QUEUE_ID>/tasks/<TASK_ID>"'
        )
    if queue != parent:
        raise invalid(
            f"The queue name from request ('{parent}') must be the same as the queue name in the "
            f"named task ('{queue}')."
        )


def _check_http_request(request: types.HttpRequest) -> None:
    if not request.url.startswith(("http://", "https://")):
        raise invalid("HttpRequest.url must start with 'http://' or 'https://'.")
    if len(request.url) > _URL_CHARACTERS_MAX:
        raise invalid(f"HttpRequest.url may have at most {_URL_CHARACTERS_MAX} characters.")
    if request.body and method_of(request) not in _METHODS_WITH_BODY:
        raise invalid("HTTP request body is not allowed for this HTTP method.")
    if sum(len(name) + len(value) for name, value in request.headers.items()) > _HEADER_BYTES_MAX:
        raise invalid("The headers are too large.")


def method_of(request: types.HttpRequest) -> int:
    """The method of a request; POST where none is named."""
    return int(request.http_method) or types.HttpMethod.POST


def deadline_s(task: types.Task) -> float:
    """How long an attempt may wait for its answer, in seconds."""
    message = types.Task.pb(task)
    if not message.HasField("dispatch_deadline"):
        return _DEADLINE_DEFAULT_S
    return seconds(message.dispatch_deadline)


def with_defaults(config: types.RetryConfig) -> types.RetryConfig:
    """The configuration with Cloud Tasks' defaults; durations from 1 s up in whole seconds."""
    filled = types.RetryConfig(config)
    message = types.RetryConfig.pb(filled)
    message.max_attempts = message.max_attempts or 100
    message.max_doublings = message.max_doublings or 16
    if not message.HasField("min_backoff"):
        message.min_backoff.FromMilliseconds(100)
    if not message.HasField("max_backoff"):
        message.max_backoff.FromSeconds(3600)
    for duration in (message.min_backoff, message.max_backoff, message.max_retry_duration):
        if duration.seconds:
            duration.nanos = 0
    return filled


def backoff_s(config: types.RetryConfig, failures: int) -> float:
    """The wait after this many failures (1 and up), in seconds.

    It doubles max_doublings times, then grows by its last value, and never passes max_backoff.
    """
    message: Any = types.RetryConfig.pb(config)
    doublings = min(failures - 1, message.max_doublings)
    doubled: float = seconds(message.min_backoff) * 2.0**doublings
    grown: float = doubled * (failures - doublings)
    return min(grown, seconds(message.max_backoff))


def is_over(config: types.RetryConfig, attempts: int, age_s: float) -> bool:
    """Whether a task that failed is given up: when all limits that are set are used up.

    *age_s* counts from the first attempt. A limit of -1 attempts or 0 seconds is no limit.
    """
    message: Any = types.RetryConfig.pb(config)
    age_max_s = seconds(message.max_retry_duration)
    limits = []
    if message.max_attempts != -1:
        limits.append(attempts >= message.max_attempts)
    if age_max_s > 0:
        limits.append(age_s >= age_max_s)
    return bool(limits) and all(limits)


def seconds(duration: Duration) -> float:
    """A protobuf duration in seconds."""
    return duration.ToTimedelta().total_seconds()


def invalid(text: str) -> RefusedError:
    """INVALID_ARGUMENT with this text."""
    return RefusedError(grpc.StatusCode.INVALID_ARGUMENT, text)
