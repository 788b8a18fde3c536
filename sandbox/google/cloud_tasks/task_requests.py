"""The HTTP request that Cloud Tasks makes of a task: its headers added, the body unchanged."""

import base64
import json
from typing import Any

from google.cloud.tasks_v2 import types

from sandbox.google.cloud_tasks import task_rules
from sandbox.wire.http_client import Request

_REPLACED = ("host", "content-length", "user-agent")
_REPLACED_PREFIXES = ("x-google-", "x-appengine-", "x-cloudtasks-")


def http_request(task: types.Task, *, executions: int, previous_status: int | None, timeout_s: float | None) -> Request:
    """The request of the task's next attempt; *timeout_s* stands in for the dispatch deadline."""
    request = task.http_request
    return Request(
        method=types.HttpMethod(task_rules.method_of(request)).name,
        url=request.url,
        headers={
            **_own_headers(request),
            **_authorization(request),
            **_task_headers(task, executions, previous_status),
        },
        body=request.body,
        timeout_s=task_rules.deadline_s(task) if timeout_s is None else timeout_s,
    )


def _own_headers(request: types.HttpRequest) -> dict[str, str]:
    """The task's headers but those that Cloud Tasks sets itself."""
    return {
        name: value
        for name, value in request.headers.items()
        if name.lower() not in _REPLACED and not name.lower().startswith(_REPLACED_PREFIXES)
    }


def _task_headers(task: types.Task, executions: int, previous_status: int | None) -> dict[str, str]:
    queue, _, task_id = task.name.rpartition("/tasks/")
    schedule_time: Any = types.Task.pb(task).schedule_time
    headers = {
        "User-Agent": "Google-Cloud-Tasks",
        "X-CloudTasks-QueueName": queue.rpartition("/")[2],
        "X-CloudTasks-TaskName": task_id,
        "X-CloudTasks-TaskRetryCount": str(task.dispatch_count),
        "X-CloudTasks-TaskExecutionCount": str(executions),
        "X-CloudTasks-TaskETA": f"{schedule_time.ToMicroseconds() / 1_000_000:.6f}",
    }
    if previous_status is not None:
        headers["X-CloudTasks-TaskPreviousResponse"] = str(previous_status)
    return headers


def _authorization(request: types.HttpRequest) -> dict[str, str]:
    """The bearer token of a task with oidc_token: its claims as Google's, but signed by nobody."""
    if "oidc_token" not in request:
        return {}
    claims = {
        "iss": "https://accounts.google.com",
        "aud": request.oidc_token.audience or request.url,
        "email": request.oidc_token.service_account_email,
        "email_verified": True,
    }
    token = ".".join(_part(part) for part in ({"alg": "none", "typ": "JWT"}, claims))
    return {"Authorization": f"Bearer {token}."}


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
