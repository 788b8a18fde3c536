"""The Cloud Tasks stand-in under Google's own client, dispatching to a real HTTP server."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.protobuf.field_mask_pb2 import FieldMask

from sandbox.cloud_tasks import task_rules
from sandbox.cloud_tasks.server import CloudTasks
from sandbox.wire.faults import hang, lose_answer, refuse
from sandbox.wire.google_clients import tasks_client
from sandbox.wire.http_server import Answer, Request, Responder

LOCATION = "projects/p/locations/l"
QUEUE = f"{LOCATION}/queues/orders"
NAME = f"{QUEUE}/tasks/batch-1"
PATIENCE_S = 10
FAST = timedelta(milliseconds=1)


@pytest.fixture
def target() -> Iterator[Responder]:
    with Responder() as running:
        yield running


@pytest.fixture
def server() -> Iterator[CloudTasks]:
    with CloudTasks() as running:
        running.create_queue(QUEUE, min_backoff=FAST, max_backoff=FAST)
        yield running


@pytest.fixture
def client(server: CloudTasks) -> Iterator[tasks_v2.CloudTasksClient]:
    with tasks_client(server.address) as client:
        yield client


def post(url: str, name: str = NAME, body: bytes = b'{"token": "t"}', **more: Any) -> tasks_v2.Task:
    """A task that posts *body* to *url*."""
    headers = {"Content-Type": "application/json"}
    request = tasks_v2.HttpRequest(url=url, body=body, headers=headers)
    return tasks_v2.Task(name=name, http_request=request, **more)


def answers(*statuses: int, headers: dict[str, str] | None = None) -> Any:
    """An answer function that gives these statuses in turn and then 200."""
    left = iter(statuses)
    return lambda _: Answer(next(left, 200), None, headers or {})


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


def test_a_refused_attempt_is_repeated_unchanged_until_it_is_taken(
    server: CloudTasks, client: tasks_v2.CloudTasksClient, target: Responder
) -> None:
    """Any status but 2xx is retried, 3xx and 4xx as well; the headers count the attempts."""
    target.respond = answers(500, 302, 400, 503)
    client.create_task(parent=QUEUE, task=post(target.url))
    server.wait_idle(PATIENCE_S)
    assert [attempt.status for attempt in server.attempts] == [500, 302, 400, 503, 200]
    assert [attempt.number for attempt in server.attempts] == [1, 2, 3, 4, 5]
    assert {came.body for came in target.requests} == {b'{"token": "t"}'}
    counts = [
        (
            came.headers["x-cloudtasks-taskretrycount"],
            came.headers["x-cloudtasks-taskexecutioncount"],
        )
        for came in target.requests
    ]
    assert counts == [("0", "0"), ("1", "0"), ("2", "1"), ("3", "2"), ("4", "2")]
    previous = [came.headers.get("x-cloudtasks-taskpreviousresponse") for came in target.requests]
    assert previous == [None, "500", "302", "400", "503"]


def test_a_handler_that_is_not_there_counts_as_an_attempt_and_max_attempts_ends_the_task(
    server: CloudTasks, client: tasks_v2.CloudTasksClient
) -> None:
    """Connections refused are errors; after max_attempts the task is gone and its name blocked."""
    queue = f"{LOCATION}/queues/few"
    server.create_queue(queue, max_attempts=3, min_backoff=FAST, max_backoff=FAST)
    with Responder() as gone:
        url = gone.url
    client.create_task(parent=queue, task=post(url, f"{queue}/tasks/x"))
    server.wait_idle(PATIENCE_S)
    assert [attempt.status for attempt in server.attempts] == [None, None, None]
    assert all("refused" in str(attempt.error) for attempt in server.attempts)
    with pytest.raises(exceptions.AlreadyExists):
        client.create_task(parent=queue, task=post(url, f"{queue}/tasks/x"))


def test_the_backoff_doubles_then_grows_evenly_then_stays() -> None:
    """The example of the interface's own text: 10 s, 300 s and 3 doublings."""
    config = task_rules.with_defaults(
        tasks_v2.RetryConfig(
            min_backoff=timedelta(seconds=10.9),
            max_backoff=timedelta(seconds=300),
            max_doublings=3,
        )
    )
    waits = [task_rules.backoff_s(config, failures) for failures in range(1, 9)]
    assert waits == [10, 20, 40, 80, 160, 240, 300, 300]
    defaults = task_rules.with_defaults(tasks_v2.RetryConfig())
    assert task_rules.backoff_s(defaults, 1) == 0.1
    assert task_rules.backoff_s(defaults, 99) == 3600
    assert defaults.max_attempts == 100


@pytest.mark.parametrize(
    ("attempts_max", "duration_s", "attempts", "age_s", "over"),
    [
        (3, 0, 2, 10**9, False),
        (3, 0, 3, 0, True),
        (-1, 60, 10**6, 59, False),
        (-1, 60, 1, 60, True),
        (3, 60, 3, 59, False),
        (3, 60, 2, 61, False),
        (3, 60, 3, 60, True),
        (-1, 0, 10**6, 10**9, False),
    ],
)
def test_retrying_ends_when_all_limits_that_are_set_are_used_up(
    attempts_max: int, duration_s: int, attempts: int, age_s: float, *, over: bool
) -> None:
    """Both limits must be reached; one that is unlimited does not count."""
    config = tasks_v2.RetryConfig(max_attempts=attempts_max, max_retry_duration=timedelta(seconds=duration_s))
    assert task_rules.is_over(config, attempts, age_s) is over


def test_the_waits_between_attempts_are_scaled(target: Responder) -> None:
    """With a time scale of 100 a backoff of 10 s takes 0.1 s, and no less."""
    target.respond = answers(500, 500)
    with CloudTasks(time_scale=100) as server:
        ten = timedelta(seconds=10)
        server.create_queue(QUEUE, min_backoff=ten, max_backoff=ten)
        with tasks_client(server.address) as client:
            client.create_task(parent=QUEUE, task=post(target.url))
            server.wait_idle(PATIENCE_S)
    sent = [attempt.sent_at for attempt in server.attempts]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(sent)]
    assert all(0.1 <= gap < 2 for gap in gaps)
    assert len(gaps) == 2


def test_a_schedule_time_is_waited_for(target: Responder) -> None:
    """A task for 20 s ahead is dispatched after 0.2 s at a time scale of 100, not before."""
    with CloudTasks(time_scale=100) as server:
        server.create_queue(QUEUE)
        with tasks_client(server.address) as client:
            at = datetime.now(UTC) + timedelta(seconds=20)
            created_at = datetime.now(UTC)
            client.create_task(parent=QUEUE, task=post(target.url, schedule_time=at))
            server.wait_idle(PATIENCE_S)
    assert server.attempts[0].sent_at - created_at >= timedelta(seconds=0.19)
    assert float(target.requests[0].headers["x-cloudtasks-tasketa"]) == at.timestamp()


def test_retry_after_holds_the_task_and_its_queue(target: Responder) -> None:
    """503 with Retry-After: nothing of that queue is dispatched before; other queues go on."""
    other = f"{LOCATION}/queues/other"
    target.respond = answers(503, headers={"Retry-After": "30"})
    with CloudTasks(time_scale=100) as server:
        server.create_queue(QUEUE)
        server.create_queue(other)
        with tasks_client(server.address) as client:
            client.create_task(parent=QUEUE, task=post(target.url, f"{QUEUE}/tasks/a"))
            server.wait_attempts(1, PATIENCE_S)
            client.create_task(parent=QUEUE, task=post(target.url, f"{QUEUE}/tasks/b"))
            client.create_task(parent=other, task=post(target.url, f"{other}/tasks/c"))
            server.wait_idle(PATIENCE_S)
    order = [attempt.task_name[-1] for attempt in server.attempts]
    assert order[:2] == ["a", "c"]
    assert sorted(order[2:]) == ["a", "b"]
    first = server.attempts[0].sent_at
    assert all(made.sent_at - first >= timedelta(seconds=0.3) for made in server.attempts[2:])


def test_an_answer_that_does_not_come_in_time_is_a_failed_attempt(target: Responder) -> None:
    """At the deadline the attempt has failed, though the handler may still be at work."""
    release = threading.Event()

    def slow_once(_: Request) -> Answer:
        if len(target.requests) == 1:
            release.wait(PATIENCE_S)
        return Answer(200)

    target.respond = slow_once
    with CloudTasks(deadline_s=0.1) as server:
        server.create_queue(QUEUE, min_backoff=FAST, max_backoff=FAST)
        with tasks_client(server.address) as client:
            client.create_task(parent=QUEUE, task=post(target.url))
            server.wait_idle(PATIENCE_S)
    release.set()
    assert [attempt.error for attempt in server.attempts] == ["no answer within 0.1 s", None]


def test_no_more_run_at_once_than_the_queue_allows(
    server: CloudTasks, client: tasks_v2.CloudTasksClient, target: Responder
) -> None:
    """max_concurrent_dispatches bounds the attempts under way, and all tasks are run in the end."""
    lock, running, most = threading.Lock(), [0], [0]
    meet = threading.Barrier(2)

    def count(_: Request) -> Answer:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        meet.wait(PATIENCE_S)  # passes only when two are here at once
        with lock:
            running[0] -= 1
        return Answer(200)

    target.respond = count
    queue = f"{LOCATION}/queues/narrow"
    server.create_queue(queue, max_concurrent_dispatches=2)
    for number in range(8):
        client.create_task(parent=queue, task=post(target.url, f"{queue}/tasks/{number}"))
    server.wait_idle(PATIENCE_S)
    assert most == [2]
    assert len(target.requests) == 8


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


def test_tasks_outlive_an_outage_of_the_server(target: Responder) -> None:
    """stop() breaks off an attempt at once; start() dispatches the task again."""
    release = threading.Event()

    def slow_once(_: Request) -> Answer:
        if len(target.requests) == 1:
            release.wait(PATIENCE_S)
        return Answer(200)

    target.respond = slow_once
    server = CloudTasks()
    with server:
        server.create_queue(QUEUE, min_backoff=FAST, max_backoff=FAST)
        with tasks_client(server.address) as client:
            client.create_task(parent=QUEUE, task=post(target.url))
        deadline = time.monotonic() + PATIENCE_S
        while not target.requests and time.monotonic() < deadline:
            time.sleep(0.005)
        stopped_at = time.monotonic()
        server.stop()
        assert time.monotonic() - stopped_at < 5
        assert [task.name for task in server.tasks(QUEUE)] == [NAME]
        server.start()
        server.wait_idle(PATIENCE_S)
    release.set()
    assert [attempt.status for attempt in server.attempts] == [None, 200]


def test_waiting_for_what_never_ends_is_an_error(
    server: CloudTasks, client: tasks_v2.CloudTasksClient, target: Responder
) -> None:
    """wait_idle and wait_attempts give up after their time and say what is left."""
    target.respond = lambda _: Answer(500)
    client.create_task(parent=QUEUE, task=post(target.url))
    with pytest.raises(TimeoutError, match="batch-1"):
        server.wait_idle(0.05)
    with pytest.raises(TimeoutError, match="attempts"):
        server.wait_attempts(10**6, 0.05)
