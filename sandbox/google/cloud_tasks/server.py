"""Cloud Tasks on loopback: takes tasks as google-cloud-tasks sends them and dispatches them."""

import copy
import secrets
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import grpc
from google.cloud.tasks_v2 import types
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask

from sandbox.google.cloud_tasks import task_rules
from sandbox.google.cloud_tasks.dispatcher import Attempt, Dispatcher, Queue, Scheduled
from sandbox.wire.grpc_server import Call, GrpcServer, RefusedError, now

__all__ = ["Attempt", "CloudTasks"]

_SERVICE = "google.cloud.tasks.v2.CloudTasks"
_PAGE = 1000
_State = types.Queue.State


class CloudTasks(GrpcServer):
    """Queues of tasks, each dispatched over HTTP until a 2xx or its retries are used up.

    Every wait (backoff, schedule, Retry-After, retry duration) is divided by *time_scale*; an
    attempt waits for its answer for the task's dispatch deadline, or *deadline_s* where given.
    The name of an ended task stays blocked for *names_blocked_s*, divided likewise; None: for ever.
    Rates are not limited; a task without a name gets a random one.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        time_scale: float = 1.0,
        deadline_s: float | None = None,
        names_blocked_s: float | None = None,
    ) -> None:
        super().__init__(port)
        self._time_scale = time_scale
        self._names_blocked_s = names_blocked_s
        self._dispatcher = Dispatcher(time_scale, deadline_s)
        self._changed = self._dispatcher.changed
        self._queues = self._dispatcher.queues
        self._created: list[types.Task] = []

    def calls(self) -> Iterable[Call]:
        """The calls of CloudTasks that are served."""
        task, queue, listed = types.Task, types.Queue, types.ListTasksResponse
        return [
            Call(_SERVICE, name, request, answer, serve)
            for name, request, answer, serve in (
                ("CreateQueue", types.CreateQueueRequest, queue, self._create_queue),
                ("GetQueue", types.GetQueueRequest, queue, self._get_queue),
                ("UpdateQueue", types.UpdateQueueRequest, queue, self._update_queue),
                ("PauseQueue", types.PauseQueueRequest, queue, self._pause_queue),
                ("ResumeQueue", types.ResumeQueueRequest, queue, self._resume_queue),
                ("CreateTask", types.CreateTaskRequest, task, self._create_task),
                ("GetTask", types.GetTaskRequest, task, self._get_task),
                ("ListTasks", types.ListTasksRequest, listed, self._list_tasks),
                ("DeleteTask", types.DeleteTaskRequest, Empty, self._delete_task),
            )
        ]

    def start(self) -> None:
        """Listen and dispatch."""
        super().start()
        self._dispatcher.start()

    def stop(self) -> None:
        """Break off calls and dispatches; queues, tasks, names and log stay for another start()."""
        super().stop()
        self._dispatcher.stop()

    # For those who run the sandbox

    def create_queue(
        self,
        path: str,
        *,
        max_attempts: int | None = None,
        max_retry_duration: timedelta | None = None,
        min_backoff: timedelta | None = None,
        max_backoff: timedelta | None = None,
        max_doublings: int | None = None,
        max_concurrent_dispatches: int | None = None,
    ) -> None:
        """Create the queue with this full name; what is None is as Cloud Tasks has it."""
        retry_config = types.RetryConfig(
            max_attempts=max_attempts,
            max_retry_duration=max_retry_duration,
            min_backoff=min_backoff,
            max_backoff=max_backoff,
            max_doublings=max_doublings,
        )
        rate_limits = types.RateLimits(max_concurrent_dispatches=max_concurrent_dispatches)
        queue = types.Queue(name=path, retry_config=retry_config, rate_limits=rate_limits)
        self._store_queue(queue)

    def pause(self, path: str) -> None:
        """Take tasks but dispatch none."""
        self._set_state(path, _State.PAUSED)

    def resume(self, path: str) -> None:
        """Dispatch again what waits in a paused queue."""
        self._set_state(path, _State.RUNNING)

    def delete_tasks(self, path: str) -> None:
        """Delete every task of the queue; one that is being dispatched is not tried again."""
        with self._changed:
            queue = self._find(path)
            for name in list(queue.tasks):
                queue.end(name)

    def tasks(self, queue: str) -> list[types.Task]:
        """Copies of the tasks in the queue that have not ended, bodies and all."""
        with self._changed:
            return [copy.deepcopy(scheduled.task) for scheduled in self._find(queue).tasks.values()]

    @property
    def created(self) -> list[types.Task]:
        """Copies of all tasks ever taken, as they were then, oldest first."""
        with self._changed:
            return copy.deepcopy(self._created)

    @property
    def attempts(self) -> list[Attempt]:
        """The dispatches that were answered or failed, in the order in which they were."""
        with self._changed:
            return list(self._dispatcher.attempts)

    def wait_attempts(self, count: int, timeout_s: float) -> None:
        """Return once there have been *count* attempts; TimeoutError when that takes too long."""
        with self._changed:
            made = self._dispatcher.attempts
            if not self._changed.wait_for(lambda: len(made) >= count, timeout_s):
                raise TimeoutError(f"{len(made)} of {count} attempts after {timeout_s} s")

    def wait_idle(self, timeout_s: float) -> None:
        """Return once no queue but paused ones holds a task; TimeoutError when some still do."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._unfinished(), timeout_s):
                left = ", ".join(self._unfinished())
                raise TimeoutError(f"not ended after {timeout_s} s: {left}")

    def forget_names(self, queue: str) -> None:
        """Free the names of the queue's ended tasks, as Cloud Tasks does after a day at most."""
        with self._changed:
            self._find(queue).ended.clear()

    # The calls

    def _create_queue(self, request: types.CreateQueueRequest) -> types.Queue:
        if not request.queue.name.startswith(f"{request.parent}/queues/"):
            raise task_rules.invalid("The queue's name does not belong to the parent.")
        return self._store_queue(request.queue)

    def _get_queue(self, request: types.GetQueueRequest) -> types.Queue:
        with self._changed:
            return copy.deepcopy(self._find(request.name).message)

    def _update_queue(self, request: types.UpdateQueueRequest) -> types.Queue:
        """Change the fields of the mask, or all that are set; a missing queue is created."""
        with self._changed:
            queue = self._queues.get(request.queue.name)
            if queue is None:
                return self._store_queue(request.queue)
            given = types.Queue.pb(request.queue)
            paths = types.UpdateQueueRequest.pb(request).update_mask.paths
            mask = FieldMask(paths=paths or [field.name for field, _ in given.ListFields()])
            changed = copy.deepcopy(queue.message)
            mask.MergeMessage(given, types.Queue.pb(changed), True, True)
            queue.message = _filled(changed)
            self._changed.notify_all()
            return copy.deepcopy(queue.message)

    def _pause_queue(self, request: types.PauseQueueRequest) -> types.Queue:
        return self._set_state(request.name, _State.PAUSED)

    def _resume_queue(self, request: types.ResumeQueueRequest) -> types.Queue:
        return self._set_state(request.name, _State.RUNNING)

    def _create_task(self, request: types.CreateTaskRequest) -> types.Task:
        task_rules.check_queue_name(request.parent)
        task_rules.check_task(request.parent, request.task)
        task = copy.deepcopy(request.task)
        task.name = task.name or f"{request.parent}/tasks/{secrets.randbelow(10**20):020}"
        task.create_time = now()
        if "schedule_time" not in task:
            task.schedule_time = task.create_time
        with self._changed:
            queue = self._find(request.parent)
            if task.name in queue.tasks or self._blocked(queue, task.name):
                raise RefusedError(grpc.StatusCode.ALREADY_EXISTS, "Requested entity already exists")
            queue.tasks[task.name] = Scheduled(task, time.monotonic() + self._delay_s(task))
            self._created.append(copy.deepcopy(task))
            self._changed.notify_all()
            return _view(task, request.response_view)

    def _get_task(self, request: types.GetTaskRequest) -> types.Task:
        path = request.name.rpartition("/tasks/")[0]
        with self._changed:
            scheduled = self._find_task(self._find(path), request.name)
            return _view(scheduled.task, request.response_view)

    def _list_tasks(self, request: types.ListTasksRequest) -> types.ListTasksResponse:
        with self._changed:
            tasks = [scheduled.task for scheduled in self._find(request.parent).tasks.values()]
            start = int(request.page_token or 0)
            end = start + (request.page_size or _PAGE)
            return types.ListTasksResponse(
                tasks=[_view(task, request.response_view) for task in tasks[start:end]],
                next_page_token=str(end) if end < len(tasks) else "",
            )

    def _delete_task(self, request: types.DeleteTaskRequest) -> Empty:
        path = request.name.rpartition("/tasks/")[0]
        with self._changed:
            queue = self._find(path)
            self._find_task(queue, request.name)
            queue.end(request.name)
            self._changed.notify_all()
            return Empty()

    # What is stored

    def _store_queue(self, queue: types.Queue) -> types.Queue:
        task_rules.check_queue_name(queue.name)
        with self._changed:
            if queue.name in self._queues:
                raise RefusedError(grpc.StatusCode.ALREADY_EXISTS, "Queue already exists")
            stored = _filled(queue)
            stored.state = _State(_State.RUNNING)
            self._queues[queue.name] = Queue(stored)
            return copy.deepcopy(stored)

    def _set_state(self, path: str, state: Any) -> types.Queue:
        with self._changed:
            queue = self._find(path)
            queue.message.state = state
            self._changed.notify_all()
            return copy.deepcopy(queue.message)

    def _find(self, path: str) -> Queue:
        if path not in self._queues:
            raise RefusedError(grpc.StatusCode.NOT_FOUND, "Queue does not exist.")
        return self._queues[path]

    def _find_task(self, queue: Queue, name: str) -> Scheduled:
        if name in queue.tasks:
            return queue.tasks[name]
        if self._blocked(queue, name):
            text = (
                "The task no longer exists, though a task with this name existed recently. "
                "The task either successfully completed or was deleted."
            )
        else:
            text = "Requested entity was not found."
        raise RefusedError(grpc.StatusCode.NOT_FOUND, text)

    def _blocked(self, queue: Queue, name: str) -> bool:
        """Whether a task of this name ended so lately that the name is not free yet."""
        if name not in queue.ended or self._names_blocked_s is None:
            return name in queue.ended
        return time.monotonic() - queue.ended[name] < self._names_blocked_s / self._time_scale

    def _delay_s(self, task: types.Task) -> float:
        """How long to wait until the task's schedule time, in seconds of this sandbox."""
        schedule_time: Any = types.Task.pb(task).schedule_time
        ahead_s: float = schedule_time.ToNanoseconds() / 1e9 - time.time()
        return max(0.0, ahead_s) / self._time_scale

    def _unfinished(self) -> list[str]:
        return [
            name
            for queue in self._queues.values()
            for name, scheduled in queue.tasks.items()
            if scheduled.running or queue.message.state != _State.PAUSED
        ]


def _filled(queue: types.Queue) -> types.Queue:
    """A copy of the queue with Cloud Tasks' defaults where nothing is said."""
    filled = copy.deepcopy(queue)
    filled.retry_config = task_rules.with_defaults(queue.retry_config)
    limits = filled.rate_limits
    limits.max_dispatches_per_second = limits.max_dispatches_per_second or 500.0
    limits.max_burst_size = limits.max_burst_size or 100
    limits.max_concurrent_dispatches = limits.max_concurrent_dispatches or 1000
    return filled


def _view(task: types.Task, view: int) -> types.Task:
    """A copy of the task, with its body in the FULL view only."""
    shown = copy.deepcopy(task)
    shown.view = types.Task.View(view or types.Task.View.BASIC)
    if shown.view != types.Task.View.FULL:
        shown.http_request.body = b""
    return shown
