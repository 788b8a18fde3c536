"""Attempts and retries: how often, how soon, and when a task is over."""

import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2

from sandbox.google.cloud_tasks import task_rules
from sandbox.google.cloud_tasks.server import CloudTasks
from sandbox.wire.google_clients import tasks_client
from sandbox.wire.http_server import Answer, Request, Responder
from tests.sandbox.first_request import hold_first
from tests.sandbox.google.cloud_tasks.tasks import FAST, LOCATION, NAME, PATIENCE_S, QUEUE, answers, post


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
    release = hold_first(target)
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


def test_tasks_outlive_an_outage_of_the_server(target: Responder) -> None:
    """stop() breaks off an attempt at once; start() dispatches the task again."""
    release = hold_first(target)
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
