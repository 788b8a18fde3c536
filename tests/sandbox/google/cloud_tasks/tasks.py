"""Tasks to send to the Cloud Tasks stand-in, and handlers that refuse them."""

from datetime import timedelta
from typing import Any

from google.cloud import tasks_v2

from sandbox.wire.http_server import Answer

LOCATION = "projects/p/locations/l"
QUEUE = f"{LOCATION}/queues/orders"
NAME = f"{QUEUE}/tasks/batch-1"
PATIENCE_S = 10
FAST = timedelta(milliseconds=1)


def post(url: str, name: str = NAME, body: bytes = b'{"token": "t"}', **more: Any) -> tasks_v2.Task:
    """A task that posts *body* to *url*."""
    headers = {"Content-Type": "application/json"}
    request = tasks_v2.HttpRequest(url=url, body=body, headers=headers)
    return tasks_v2.Task(name=name, http_request=request, **more)


def answers(*statuses: int, headers: dict[str, str] | None = None) -> Any:
    """An answer function that gives these statuses in turn and then 200."""
    left = iter(statuses)
    return lambda _: Answer(next(left, 200), None, headers or {})
