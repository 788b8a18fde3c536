"""Tasks and queues under Google's own client: what is taken, looked at, refused and dispatched."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.protobuf.field_mask_pb2 import FieldMask

from sandbox.google.cloud_tasks.server import CloudTasks
from sandbox.wire.faults import hang, lose_answer, refuse
from sandbox.wire.google_clients import tasks_client
from sandbox.wire.http_server import Responder
from tests.sandbox.google.cloud_tasks.tasks import LOCATION, NAME, PATIENCE_S, QUEUE, post


def test_a_task_is_posted_once_with_its_body_and_the_headers_of_cloud_tasks(
    server: CloudTasks, client: tasks_v2.CloudTasksClient, target: Responder
) -> None:
    """The body arrives unchanged, the task's own headers too, and Cloud Tasks' own are added."""
    task = post(f"{target.url}/orders?a=1", body=b"\x00\xff bytes")
    task.http_request.headers.update({"X-Own": "1", "User-Agent": "me", "X-Google-Me": "1"})
    created = client.create_task(parent=QUEUE, task=task)
    server.wait_idle(PATIENCE_S)
    (came,) = target.requests
    assert (came.name, came.query, came.body) == ("POST /orders", {"a": "1"}, b"\x00\xff bytes")
    assert came.headers["content-type"] == "application/json"
    assert came.headers["user-agent"] == "Google-Cloud-Tasks"
    assert came.headers["x-own"] == "1"
    assert "x-google-me" not in came.headers
    assert came.headers["x-cloudtasks-queuename"] == "orders"
    assert came.headers["x-cloudtasks-taskname"] == "batch-1"
    assert came.headers["x-cloudtasks-taskretrycount"] == "0"
    assert came.headers["x-cloudtasks-taskexecutioncount"] == "0"
    assert abs(float(came.headers["x-cloudtasks-tasketa"]) - time.time()) < 60
    assert created.name == NAME
    assert created.http_request.body == b""  # the BASIC view
    (attempt,) = server.attempts
    assert (attempt.task_name, attempt.number, attempt.status) == (NAME, 1, 200)
    assert attempt.sent_at.tzinfo is UTC


def test_no_content_type_is_made_up(server: CloudTasks, client: tasks_v2.CloudTasksClient, target: Responder) -> None:
    """A task without a Content-Type is posted without one."""
    task = tasks_v2.Task(http_request=tasks_v2.HttpRequest(url=target.url, body=b"{}"))
    client.create_task(parent=QUEUE, task=task)
    server.wait_idle(PATIENCE_S)
    assert "content-type" not in target.requests[0].headers
    assert target.requests[0].path == "/"


def test_tasks_that_are_deleted_are_not_dispatched(
    server: CloudTasks, client: tasks_v2.CloudTasksClient, target: Responder
) -> None:
    """Nothing waits any more, and the names are used."""
    server.pause(QUEUE)
    client.create_task(parent=QUEUE, task=post(target.url))
    server.delete_tasks(QUEUE)
    server.resume(QUEUE)
    server.wait_idle(PATIENCE_S)
    assert (server.tasks(QUEUE), list(target.requests)) == ([], [])
    with pytest.raises(exceptions.AlreadyExists):
        client.create_task(parent=QUEUE, task=post(target.url))


def test_a_name_is_taken_while_its_task_lives_and_after_it_ended(
    server: CloudTasks, client: tasks_v2.CloudTasksClient, target: Responder
) -> None:
    """ALREADY_EXISTS before and after the end; a name forgotten can be used again."""
    server.pause(QUEUE)
    client.create_task(parent=QUEUE, task=post(target.url))
    with pytest.raises(exceptions.AlreadyExists, match="Requested entity already exists"):
        client.create_task(parent=QUEUE, task=post(target.url, body=b"other"))
    server.resume(QUEUE)
    server.wait_idle(PATIENCE_S)
    with pytest.raises(exceptions.AlreadyExists):
        client.create_task(parent=QUEUE, task=post(target.url))
    with pytest.raises(exceptions.NotFound, match="existed recently"):
        client.get_task(name=NAME)
    assert len(target.requests) == len(server.created) == 1
    server.forget_names(QUEUE)
    client.create_task(parent=QUEUE, task=post(target.url))
    server.wait_idle(PATIENCE_S)
    assert len(target.requests) == 2


def test_a_name_can_be_blocked_for_a_limited_time(target: Responder) -> None:
    """With names_blocked_s the name is free again after that time, as it is at Google's."""
    with CloudTasks(time_scale=3600, names_blocked_s=180) as server:
        server.create_queue(QUEUE)
        with tasks_client(server.address) as client:
            client.create_task(parent=QUEUE, task=post(target.url))
            server.wait_idle(PATIENCE_S)
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline:
                try:
                    client.create_task(parent=QUEUE, task=post(target.url))
                    break
                except exceptions.AlreadyExists:
                    continue
            server.wait_idle(PATIENCE_S)
    assert len(target.requests) == 2
    gap = server.attempts[1].sent_at - server.attempts[0].sent_at
    assert gap >= timedelta(seconds=180 / 3600)


def test_queues_and_tasks_can_be_looked_at_changed_and_deleted(
    server: CloudTasks, client: tasks_v2.CloudTasksClient, target: Responder
) -> None:
    """Create, get, update and pause a queue; get, list and delete its tasks."""
    name = f"{LOCATION}/queues/mine"
    client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=name))
    queue = client.get_queue(name=name)
    assert (queue.retry_config.max_attempts, queue.retry_config.max_doublings) == (100, 16)
    assert queue.rate_limits.max_concurrent_dispatches == 1000
    wanted = tasks_v2.Queue(name=name, retry_config=tasks_v2.RetryConfig(max_attempts=7))
    mask = FieldMask(paths=["retry_config.max_attempts"])
    assert client.update_queue(queue=wanted, update_mask=mask).retry_config.max_attempts == 7
    assert client.get_queue(name=name).rate_limits.max_burst_size == 100
    assert client.pause_queue(name=name).state == tasks_v2.Queue.State.PAUSED
    for number in range(3):
        client.create_task(parent=name, task=post(target.url, f"{name}/tasks/{number}"))
    listed = client.list_tasks(request={"parent": name, "page_size": 2, "response_view": "FULL"})
    assert [task.http_request.body for task in listed] == [b'{"token": "t"}'] * 3
    client.delete_task(name=f"{name}/tasks/1")
    with pytest.raises(exceptions.NotFound):
        client.get_task(name=f"{name}/tasks/1")
    assert [task.name[-1] for task in server.tasks(name)] == ["0", "2"]
    server.tasks(name)[0].http_request.body = b"changed"
    assert server.tasks(name)[0].http_request.body == b'{"token": "t"}'
    client.resume_queue(name=name)
    server.wait_idle(PATIENCE_S)
    assert len(target.requests) == 2


def bad_tasks(url: str) -> list[tuple[str, tasks_v2.Task]]:
    """Tasks that break a rule, each with a word of the refusal."""
    get = tasks_v2.HttpRequest(url=url, body=b"x", http_method=tasks_v2.HttpMethod.GET)
    ahead = datetime.now(UTC) + timedelta(days=31)
    return [
        ("must be formatted", post(url, f"{QUEUE}/tasks/a.b")),
        ("must be formatted", post(url, f"{QUEUE}/tasks/{'a' * 501}")),
        ("must be formatted", post(url, "batch-1")),
        ("must be the same", post(url, f"{LOCATION}/queues/other/tasks/a")),
        ("too large", post(url, body=b"x" * 1024 * 1024)),
        ("must start with", post("ftp://host/")),
        ("2083", post("http://" + "h" * 2077)),
        ("not allowed", tasks_v2.Task(http_request=get)),
        ("30 days", post(url, schedule_time=ahead)),
        ("dispatchDeadline", post(url, dispatch_deadline=timedelta(seconds=14))),
        ("dispatchDeadline", post(url, dispatch_deadline=timedelta(seconds=1801))),
    ]


def test_bad_tasks_are_refused_and_nothing_is_kept(
    server: CloudTasks, client: tasks_v2.CloudTasksClient, target: Responder
) -> None:
    """INVALID_ARGUMENT with a text that names the rule; an unknown queue is NOT_FOUND."""
    for word, task in bad_tasks(target.url):
        with pytest.raises(exceptions.InvalidArgument, match=word):
            client.create_task(parent=QUEUE, task=task)
    missing = f"{LOCATION}/queues/missing"
    with pytest.raises(exceptions.NotFound, match="Queue does not exist"):
        client.create_task(parent=missing, task=post(target.url, f"{missing}/tasks/a"))
    with pytest.raises(exceptions.InvalidArgument):
        client.create_task(parent="orders", task=post(target.url, ""))
    with pytest.raises(exceptions.MethodNotImplemented):
        client.purge_queue(name=QUEUE)
    assert server.created == []
    assert server.tasks(QUEUE) == []
    body = b"x" * (1024 * 1024 - 1000)
    client.create_task(parent=QUEUE, task=post(target.url, body=body))
    server.wait_idle(PATIENCE_S)
    assert target.requests[0].body == body


def test_an_oidc_token_reaches_the_handler_with_its_claims(
    server: CloudTasks, client: tasks_v2.CloudTasksClient, target: Responder
) -> None:
    """The bearer token names the service account, and the URL as audience unless one is given."""
    task = post(f"{target.url}/x")
    task.http_request.oidc_token = tasks_v2.OidcToken(service_account_email="a@p.iam")
    client.create_task(parent=QUEUE, task=task)
    server.wait_idle(PATIENCE_S)
    scheme, _, token = target.requests[0].headers["authorization"].partition(" ")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert scheme == "Bearer"
    assert (claims["email"], claims["aud"]) == ("a@p.iam", f"{target.url}/x")


def test_faults_of_create_task(server: CloudTasks, client: tasks_v2.CloudTasksClient, target: Responder) -> None:
    """Refused: no task. Hung: no task, and the client times out. Answer lost: the task is there."""
    server.faults.add("CreateTask", refuse(grpc.StatusCode.RESOURCE_EXHAUSTED))
    server.faults.add("CreateTask", hang)
    server.faults.add("CreateTask", lose_answer)
    with pytest.raises(exceptions.ResourceExhausted):
        client.create_task(parent=QUEUE, task=post(target.url))
    with pytest.raises(exceptions.DeadlineExceeded):
        client.create_task(parent=QUEUE, task=post(target.url), timeout=0.1)
    assert server.created == []
    with pytest.raises(exceptions.ServiceUnavailable):
        client.create_task(parent=QUEUE, task=post(target.url))
    with pytest.raises(exceptions.AlreadyExists):
        client.create_task(parent=QUEUE, task=post(target.url))
    server.wait_idle(PATIENCE_S)
    assert len(target.requests) == 1
