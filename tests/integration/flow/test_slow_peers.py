"""A ChangeNow that answers everything, each time after 9.9 seconds: no check grows as old as what holds its lock."""

import json

from grpc import StatusCode

from sandbox.wire import faults
from shared.flow.context import OPENING_FOR
from shared.model.reasons import Reason
from shared.outside.database import EXCLUSIVE_IDLE_MAX_S
from shared.settings import HTTP_TIMEOUT_MAX_S
from tests.rig import Rig

EXCHANGES = 40
ANSWER_S = 9.9
PLATFORM_S = 540
QUOTE_QUESTIONS_MAX = 13


def slow_down(rig: Rig) -> list[float]:
    """Let every answer take its time from now on, by the check's clock; gives the instants of the questions."""
    asked: list[float] = []

    def take_time(_: object) -> bool:
        rig.clock.forward(seconds=ANSWER_S)
        asked.append(rig.clock.now.timestamp())
        return False

    rig.peers.exchange.faults.add(method=faults.ANY, action=faults.delay(0), times=None, where=take_time)
    return asked


def check_s(rig: Rig) -> float:
    """Run a check; returns how long it took by its own clock."""
    began = rig.clock.now
    rig.check()
    return (rig.clock.now - began).total_seconds()


def test_forty_slow_exchanges_are_asked_about_over_some_checks(rig: Rig) -> None:
    """What a check has no time for comes next, blamed for nothing; and a new batch is opened beside it."""
    rig.open_batches(*["25.00"] * EXCHANGES)
    rig.clock.forward(minutes=21)
    asked = slow_down(rig)
    for number in range(1, 5):
        rig.pay("30.00")
        assert check_s(rig) < OPENING_FOR.total_seconds() + QUOTE_QUESTIONS_MAX * ANSWER_S
        assert len(rig.batches()) == EXCHANGES + number  # opened all the same
        rig.clock.forward(seconds=1)
    statuses = [row["exchange_status"] for row in rig.batches()[:EXCHANGES]]
    assert statuses.count("waiting") == EXCHANGES
    assert {row["questions_failed"] for row in rig.batches()} == {0}
    assert len(asked) < 4 * PLATFORM_S / ANSWER_S


def test_slow_orders_are_resumed_over_some_checks(rig: Rig) -> None:
    """Twenty batches without an order, two questions each: they all go out, some in each check."""
    rig.set_policy(json.dumps({"max_batch_usd": "25.00"}))
    rig.peers.tasks.faults.add(method="CreateTask", action=faults.refuse(StatusCode.PERMISSION_DENIED), times=None)
    for _ in range(20):
        rig.pay("25.00")
        rig.check()
    rig.peers.tasks.faults.clear()
    slow_down(rig)
    for _ in range(6):
        assert check_s(rig) < OPENING_FOR.total_seconds() + QUOTE_QUESTIONS_MAX * ANSWER_S
        rig.clock.forward(seconds=1)
    assert len(rig.orders()) == len(rig.batches())


def test_slow_openings_leave_the_rest_to_the_next_check(rig: Rig) -> None:
    """Many batches are due at once: as many as there is time for, and the rest goes on."""
    rig.set_policy(json.dumps({"max_batch_usd": "25.00"}))
    rig.pay(*["25.00"] * 16)
    slow_down(rig)
    assert check_s(rig) < OPENING_FOR.total_seconds() + QUOTE_QUESTIONS_MAX * ANSWER_S
    assert 1 < len(rig.batches()) < 16
    for _ in range(4):
        rig.check()
        rig.clock.forward(seconds=1)
    assert {row["conversion_status"] for row in rig.payments()} == {"swapping"}
    assert rig.checks()[0]["reason"] == Reason.THRESHOLD_REACHED


def test_the_longest_way_between_two_statements_is_shorter_than_the_lock_waits(rig: Rig) -> None:
    """A dollar amount that ChangeNow estimates in a thousandth at most: the most questions that one quote can ask."""
    rig.pay("25000.00")
    too_much = json.dumps({"error": "out_of_range", "message": "too much"})
    faulty = rig.peers.exchange.faults
    faulty.add(method="GET /exchange/estimated-amount", action=faults.status(400, body=too_much), times=10)
    before = len(rig.peers.exchange.requests)
    rig.check()
    asked = [request.path for request in rig.peers.exchange.requests[before:]]
    assert faulty.waiting == 0
    assert asked.index("/exchange") + 10 == QUOTE_QUESTIONS_MAX
    assert QUOTE_QUESTIONS_MAX * HTTP_TIMEOUT_MAX_S <= EXCLUSIVE_IDLE_MAX_S - 120
