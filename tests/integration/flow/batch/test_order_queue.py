"""The payment order as Cloud Tasks gets it, and what each of its answers is taken for."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from grpc import StatusCode

from sandbox.google.cloud_tasks.server import CloudTasks
from sandbox.wire import faults
from sandbox.wire.faults import Action
from shared.errors import OrderRefused, OrderUnknown
from shared.outside import cloud_tasks
from shared.outside.cloud_tasks import OrderQueue
from tests.rig import QUEUE

URL = "https://host.example/pay?by=batch"
REFUSED = (
    *(StatusCode.INVALID_ARGUMENT, StatusCode.FAILED_PRECONDITION, StatusCode.UNAUTHENTICATED, StatusCode.NOT_FOUND),
    *(StatusCode.PERMISSION_DENIED, StatusCode.RESOURCE_EXHAUSTED),
)
UNKNOWN = (
    *(StatusCode.UNAVAILABLE, StatusCode.INTERNAL, StatusCode.DEADLINE_EXCEEDED, StatusCode.UNKNOWN),
    *(StatusCode.CANCELLED, StatusCode.ABORTED),
)


@dataclass
class Desk:
    """A queue's client, what it sends, and how long it pauses."""

    server: CloudTasks
    invoker: str | None = None
    batch_conversion_id: uuid.UUID = field(default_factory=uuid.uuid4)
    pauses: list[float] = field(default_factory=list)

    def send(self, *, again: int = 0) -> bool:
        """Send the order."""
        address = self.server.address
        orders = OrderQueue(queue=QUEUE, url=URL, invoker=self.invoker, emulator=address, sleep=self.pauses.append)
        return orders.enqueue_gchostpay1_batch_execution(self.batch_conversion_id, "the-token", again)

    def meet(self, *actions: Action) -> int:
        """Let the next attempts meet faults; returns how many were met before."""
        for action in actions:
            self.server.faults.add("CreateTask", action)
        return len(self.server.faults.taken)


@pytest.fixture(scope="module")
def server() -> Iterator[CloudTasks]:
    """A queue that takes tasks and dispatches none."""
    with CloudTasks() as server:
        server.create_queue(QUEUE)
        server.pause(QUEUE)
        yield server


@pytest.fixture
def desk(server: CloudTasks) -> Iterator[Desk]:
    """A batch of its own."""
    yield Desk(server)
    server.faults.clear()


def test_an_order_is_one_post_named_after_its_batch(desk: Desk) -> None:
    """A second one of the name is not made; one that an operator sends again has a name of its own."""
    assert desk.send() is True
    assert desk.send() is False
    assert desk.send(again=2) is True
    first, second = desk.server.created[-2:]
    assert first.name == f"{QUEUE}/tasks/batch-{desk.batch_conversion_id}"
    assert second.name == f"{QUEUE}/tasks/batch-{desk.batch_conversion_id}-2"
    request = first.http_request
    assert (request.http_method.name, request.url, request.body) == ("POST", URL, b'{"token": "the-token"}')
    assert request.headers["Content-Type"] == "application/json"
    assert not request.oidc_token.service_account_email
    orders = OrderQueue(queue=QUEUE, url=URL, invoker=None, emulator=None)
    assert orders.task_name(desk.batch_conversion_id) == first.name


def test_an_invoker_signs_for_the_peers_host(desk: Desk) -> None:
    """The audience is the address without path and query."""
    desk.invoker = "pays@telepay.example"
    desk.send()
    token = desk.server.created[-1].http_request.oidc_token
    assert (token.service_account_email, token.audience) == ("pays@telepay.example", "https://host.example")


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_said_before_anything_is_made_is_a_refusal(desk: Desk, code: StatusCode) -> None:
    """Surely no task: it is not tried again here, and whoever reads the line sees why."""
    before = desk.meet(*[faults.refuse(code, "as it is")] * 3)
    with pytest.raises(OrderRefused, match=r"Cloud Tasks refused the order: \w+: \d+ as it is$"):
        desk.send()
    assert (len(desk.server.faults.taken) - before, desk.pauses) == (1, [])


@pytest.mark.parametrize("code", UNKNOWN)
def test_everything_else_leaves_a_doubt(desk: Desk, code: StatusCode) -> None:
    """It is tried three times under the same name, after growing pauses."""
    before = desk.meet(*[faults.refuse(code)] * 4)
    with pytest.raises(OrderUnknown):
        desk.send()
    assert (len(desk.server.faults.taken) - before, desk.pauses) == (3, [0.5, 1.0])


@pytest.mark.parametrize(
    ("actions", "is_new"),
    [
        ((faults.refuse(StatusCode.UNAVAILABLE),), True),
        ((faults.refuse(StatusCode.UNAVAILABLE),) * 2, True),
        ((faults.lose_answer,), False),
    ],
    ids=["never arrived", "never arrived twice", "its answer lost"],
)
def test_a_doubt_is_settled_by_the_name(desk: Desk, actions: tuple[Action, ...], is_new: bool) -> None:
    """The next attempt makes the task, or meets the one that is there."""
    desk.meet(*actions)
    assert desk.send() is is_new
    assert [task.name for task in desk.server.created].count(f"{QUEUE}/tasks/batch-{desk.batch_conversion_id}") == 1


def test_a_refusal_after_a_doubt_is_a_doubt(desk: Desk) -> None:
    """The attempt before it may have made the task."""
    desk.meet(faults.lose_answer, faults.refuse(StatusCode.PERMISSION_DENIED))
    with pytest.raises(OrderUnknown, match="refused the order"):
        desk.send()


def test_no_pause_outlasts_the_deadline(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it would, the doubt is left to the next check at once."""
    desk.send(again=1)  # what has to be loaded is
    monkeypatch.setattr(cloud_tasks, "ORDER_WITHIN_S", 0.5)
    desk.meet(*[faults.refuse(StatusCode.UNAVAILABLE)] * 3)
    with pytest.raises(OrderUnknown):
        desk.send()
    assert desk.pauses == []


def test_what_cloud_tasks_says_is_kept_short(desk: Desk) -> None:
    """Two hundred characters reach the line."""
    desk.meet(faults.refuse(StatusCode.NOT_FOUND, "n" * 300))
    with pytest.raises(OrderRefused) as caught:
        desk.send()
    assert len(str(caught.value)) == len("Cloud Tasks refused the order: ") + 200
