"""Cloud Tasks on the played clock: named tasks, frozen bodies, retries, and names that stay blocked for a while."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

import grpc
from google.cloud.tasks_v2 import types
from google.protobuf import empty_pb2

from sandbox.google.cloud_tasks import task_rules
from sandbox.wire.grpc_server import Call, GrpcServer, RefusedError, now

SERVICE = "google.cloud.tasks.v2.CloudTasks"
DELETED_BLOCKED_S = 24 * 3600
ATTEMPTS_MAX = 10
BACKOFF_MIN_S, BACKOFF_MAX_S = 5, 3600


@dataclass
class OrderTask:
    """A task that is to be delivered until its target takes it."""

    name: str
    body: bytes
    number: int
    attempts: int = 0


class TaskServer(GrpcServer):
    """Serves CreateTask to the real client; *taken* is told of every task, and whoever plays the world delivers."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: Callable[[OrderTask], None] = lambda _: None
        self.time: Callable[[], float] = lambda: 0.0
        self.clear()

    def clear(self) -> None:
        """Forget everything, for the next history."""
        self.faults.clear()
        self._live: dict[str, OrderTask] = {}
        self._free_at: dict[str, float] = {}
        self.created = 0
        self.refused_as_known = 0

    def calls(self) -> Iterable[Call]:
        """The one call that the functions make, and those of an operator who looks into the queue."""
        yield Call(SERVICE, "CreateTask", types.CreateTaskRequest, types.Task, self._create)
        yield Call(SERVICE, "GetTask", types.GetTaskRequest, types.Task, self._get)
        yield Call(SERVICE, "DeleteTask", types.DeleteTaskRequest, empty_pb2.Empty, self._delete)

    def end(self, task: OrderTask, random: Random, blocked_s: tuple[int, ...]) -> None:
        """End a task; its name stays blocked for a time that nobody knows beforehand."""
        self._live.pop(task.name, None)
        self._free_at[task.name] = self.time() + random.choice(blocked_s)

    def _create(self, request: types.CreateTaskRequest) -> types.Task:
        task_rules.check_queue_name(request.parent)
        task_rules.check_task(request.parent, request.task)
        name = request.task.name or f"{request.parent}/tasks/{self.created:020}"
        if name in self._live or self._free_at.get(name, 0.0) > self.time():
            self.refused_as_known += 1
            raise RefusedError(grpc.StatusCode.ALREADY_EXISTS, "Requested entity already exists")
        self.created += 1
        self._live[name] = OrderTask(name, bytes(request.task.http_request.body), self.created)
        self.taken(self._live[name])
        return types.Task(name=name, create_time=now())

    def _get(self, request: types.GetTaskRequest) -> types.Task:
        return types.Task(name=request.name, dispatch_count=self._find(request.name).attempts)

    def _delete(self, request: types.DeleteTaskRequest) -> empty_pb2.Empty:
        self.end(self._find(request.name), Random(request.name), (DELETED_BLOCKED_S,))
        return empty_pb2.Empty()

    def _find(self, name: str) -> OrderTask:
        if name not in self._live:
            raise RefusedError(grpc.StatusCode.NOT_FOUND, "The task no longer exists.")
        return self._live[name]

    def is_untried(self, batch_id: str) -> bool:
        """Whether the last order of a batch still stands in its queue, and was handed to nobody."""
        orders = [task for name, task in self._live.items() if f"/batch-{batch_id}" in name]
        return bool(orders) and orders[-1].attempts == 0

    def is_live(self, task: OrderTask) -> bool:
        """Whether a task still is to be delivered: an operator may have taken it out."""
        return self._live.get(task.name) is task


def backoff_s(attempts: int) -> int:
    """How long Cloud Tasks waits after so many failed attempts."""
    return int(min(BACKOFF_MIN_S * 2**attempts, BACKOFF_MAX_S))
