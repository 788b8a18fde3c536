"""Dispatches the tasks of queues over HTTP when they are due, and again until they end."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.cloud.tasks_v2 import types

from sandbox.google.cloud_tasks import task_rules
from sandbox.google.cloud_tasks.task_requests import http_request
from sandbox.wire.grpc_server import now
from sandbox.wire.http_client import Answer, HttpSender, Sent

_THREADS = 64
_THROTTLED = (429, 503)


@dataclass(frozen=True, kw_only=True)
class Attempt(Sent):
    """One dispatch of a task."""

    task_name: str


@dataclass
class Scheduled:
    """A task that has not ended; *due_at* and *first_sent_at* are monotonic seconds."""

    task: types.Task
    due_at: float
    running: bool = False
    first_sent_at: float | None = None
    executions: int = 0
    """Answers of the handler but 5xx ones."""
    previous_status: int | None = None


@dataclass
class Queue:
    """A queue, its tasks by name, and the names it will not take."""

    message: types.Queue
    tasks: dict[str, Scheduled] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    """When each used name's task ended, in monotonic seconds."""
    held_until: float = 0.0
    """Nothing is dispatched before (monotonic seconds): a handler said Retry-After."""

    def next_tasks(self) -> list[Scheduled]:
        """The tasks whose dispatch comes next, soonest first, as many as may still run at once."""
        if self.message.state == types.Queue.State.PAUSED:
            return []
        running = sum(scheduled.running for scheduled in self.tasks.values())
        waiting = [scheduled for scheduled in self.tasks.values() if not scheduled.running]
        free = max(0, self.message.rate_limits.max_concurrent_dispatches - running)
        return sorted(waiting, key=lambda scheduled: scheduled.due_at)[:free]

    def end(self, name: str) -> None:
        """Take the task out and block its name."""
        del self.tasks[name]
        self.ended[name] = time.monotonic()


class Dispatcher:
    """Sends what is due from threads of its own; *changed* guards the queues and the log."""

    def __init__(self, time_scale: float, deadline_s: float | None) -> None:
        self.changed = threading.Condition()
        self.queues: dict[str, Queue] = {}
        self.attempts: list[Attempt] = []
        self._time_scale = time_scale
        self._deadline_s = deadline_s
        self._stopping = False
        self._sender = HttpSender()
        self._pool: ThreadPoolExecutor | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to dispatch."""
        self._stopping = False
        self._sender = HttpSender()
        self._pool = ThreadPoolExecutor(_THREADS, "dispatch")
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Break off what is being sent (those attempts failed) and send nothing more."""
        with self.changed:
            self._stopping = True
            self.changed.notify_all()
        self._sender.abort()
        if self._thread is not None:
            self._thread.join()
        if self._pool is not None:
            self._pool.shutdown()
        self._thread = self._pool = None

    def _run(self) -> None:
        with self.changed:
            while not self._stopping:
                self.changed.wait(self._dispatch_due())

    def _dispatch_due(self) -> float | None:
        """Hand what is due to the threads; the seconds until the next is, None when none waits."""
        waits = [self._dispatch_from(queue) for queue in self.queues.values()]
        return min((wait_s for wait_s in waits if wait_s is not None), default=None)

    def _dispatch_from(self, queue: Queue) -> float | None:
        for scheduled in queue.next_tasks():
            wait_s = max(scheduled.due_at, queue.held_until) - time.monotonic()
            if wait_s > 0:
                return wait_s
            scheduled.running = True
            if self._pool is not None:
                self._pool.submit(self._attempt, queue, scheduled)
        return None

    def _attempt(self, queue: Queue, scheduled: Scheduled) -> None:
        """Send the task once and act on the answer."""
        task = scheduled.task
        with self.changed:
            request = http_request(
                task,
                executions=scheduled.executions,
                previous_status=scheduled.previous_status,
                timeout_s=self._deadline_s,
            )
            sent_at = datetime.now(UTC)
            if scheduled.first_sent_at is None:
                scheduled.first_sent_at = time.monotonic()
            task.dispatch_count += 1
            number = task.dispatch_count
        answer = self._sender.send(request)
        with self.changed:
            self.attempts.append(
                Attempt(
                    task_name=task.name,
                    number=number,
                    url=request.url,
                    status=answer.status,
                    error=answer.error,
                    sent_at=sent_at,
                )
            )
            if queue.tasks.get(task.name) is scheduled:  # it may have been deleted meanwhile
                self._conclude(queue, scheduled, answer)
            self.changed.notify_all()

    def _conclude(self, queue: Queue, scheduled: Scheduled, answer: Answer) -> None:
        """End the task, or set its next attempt."""
        task, config = scheduled.task, queue.message.retry_config
        scheduled.running = False
        scheduled.previous_status = answer.status
        if answer.status is not None:
            task.response_count += 1
            scheduled.executions += answer.status < 500
        age_s = time.monotonic() - (scheduled.first_sent_at or 0.0)
        over = task_rules.is_over(config, task.dispatch_count, age_s * self._time_scale)
        if answer.good or over:
            queue.end(task.name)
            return
        wait_s = max(task_rules.backoff_s(config, task.dispatch_count), answer.retry_after_s)
        wait_s /= self._time_scale
        scheduled.due_at = time.monotonic() + wait_s
        if answer.status in _THROTTLED and answer.retry_after_s:
            queue.held_until = scheduled.due_at
        schedule_time: Any = now()
        schedule_time.FromNanoseconds(schedule_time.ToNanoseconds() + int(wait_s * 1e9))
        task.schedule_time = schedule_time
