"""Processes and Cloud Tasks die at work, and work meets work: one exchange is paid, one order goes out."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.wire import faults
from tests.e2e.outages.site import Site, killed_while, wait_for
from tests.e2e.stage import Stage

pytestmark = pytest.mark.timeout(180)

# Cloud Tasks away


def test_cloud_tasks_away_and_back(site: Site) -> None:
    """No order goes out and none is forgotten: the check ends well and says so; two checks at most, and it is out."""
    stage, tasks = site.stage, site.stage.rig.peers.tasks
    stage.rig.pay("10.00", "15.00")
    tasks.stop()
    try:
        assert stage.tick().status_code == 200
    finally:
        tasks.start()
    (batch,) = stage.rig.batches()
    assert (batch["conversion_status"], batch["task_enqueued_at"]) == ("swapping", None)
    assert "tasks_unavailable" in stage.events()
    stage.rig.pay("30.00")
    for _ in range(2):
        assert stage.tick().status_code == 200
    stage.assert_money_in_place()
    assert [row["conversion_status"] for row in stage.rig.batches()] == ["swapping"] * 2
    assert len(stage.rig.orders()) == 2


# Processes killed


@pytest.mark.parametrize("is_made", [False, True], ids=["before", "after"])
def test_check_killed_while_changenow_thinks(site: Site, is_made: bool) -> None:
    """Whether the exchange is made or not: it is never paid, the next check makes another, one order goes out."""
    stage, exchange = site.stage, site.stage.rig.peers.exchange
    stage.rig.pay("10.00", "15.00")
    known = len(exchange.exchanges)
    exchange.faults.add(method="POST /exchange", action=faults.delay(0.5) if is_made else faults.hang)
    killed_while(stage.check_threshold, stage.tick, exchange.faults)
    if is_made:
        wait_for(lambda: len(exchange.exchanges) > known, "the exchange")
    (batch,) = stage.rig.batches()
    assert (batch["conversion_status"], batch["cn_api_id"], stage.rig.orders()) == ("pending", None, [])
    assert stage.tick().status_code == 200
    assert stage.tick().status_code == 200
    batch = stage.assert_ordered_once()
    assert len(exchange.exchanges) - known == 1 + is_made
    assert exchange.exchanges[-1].id == batch["cn_api_id"]


@pytest.mark.parametrize("is_taken", [False, True], ids=["before", "after"])
def test_check_killed_while_cloud_tasks_thinks(site: Site, is_taken: bool) -> None:
    """Whether the task was taken or not: the same name goes out again, and exactly one order exists."""
    stage, tasks = site.stage, site.stage.rig.peers.tasks
    stage.rig.pay("10.00", "15.00")
    tasks.faults.add(method="CreateTask", action=faults.delay(0.3) if is_taken else faults.hang)
    killed_while(stage.check_threshold, stage.tick, tasks.faults)
    if is_taken:
        wait_for(stage.rig.orders, "the order")
    (batch,) = stage.rig.batches()
    assert (batch["order_prepared_at"] is not None, batch["task_enqueued_at"]) == (True, None)
    assert len(stage.rig.orders()) == is_taken
    assert stage.tick().status_code == 200
    assert stage.tick().status_code == 200
    assert stage.assert_ordered_once()["batch_conversion_id"] == batch["batch_conversion_id"]


def test_callback_killed_while_changenow_thinks(site: Site) -> None:
    """No row is locked over the question, nothing is written, and the next delivery completes the batch."""
    stage = site.stage
    batch = stage.paid_out_batch()
    token = stage.rig.response(batch, "48.50")
    before = stage.money()
    stage.rig.peers.exchange.faults.add(method="GET /exchange/by-id", action=faults.hang)
    killed_while(stage.swap_executed, lambda: stage.call_back(token), stage.rig.peers.exchange.faults)
    assert stage.money() == before
    assert stage.call_back(token).json()["records_updated"] == 3


# Two at once


def test_two_checks_at_once(site: Site) -> None:
    """While one waits for ChangeNow, the other says that it is in progress and ends well; one batch, one order."""
    stage = site.stage
    stage.rig.pay("10.00", "15.00")
    exchange = stage.rig.peers.exchange
    met = len(exchange.faults.taken)
    exchange.faults.add(method="POST /exchange", action=faults.delay(0.5))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(stage.tick)
        wait_for(lambda: len(exchange.faults.taken) > met, "the first check's question")
        assert stage.tick().status_code == 200
        assert stage.reason() == "check_in_progress"
        assert first.result().status_code == 200
    stage.assert_ordered_once()
    assert sorted(row["reason"] for row in stage.rig.checks()) == ["check_in_progress", "threshold_reached"]


def test_a_check_and_a_second_process_at_once(site: Site, impatient: Stage) -> None:
    """Two instances get a tick each at the same time, over and over: never two batches for the same payments."""
    stage = site.stage
    for _ in range(3):
        stage.rig.pay("25.00")
        with ThreadPoolExecutor(4) as pool:
            ticks = [pool.submit(each.tick) for each in (stage, impatient, stage, impatient)]
            assert [tick.result().status_code for tick in ticks] == [200] * 4
    assert stage.tick().status_code == 200
    stage.assert_money_in_place()
    assert {row["conversion_status"] for row in stage.rig.payments()} == {"swapping"}
    assert len(stage.rig.orders()) == len(stage.rig.batches())


def test_a_callback_and_a_check_that_reconciles_at_once(site: Site, impatient: Stage) -> None:
    """Both find the exchange finished: one of them writes, and the other finds it done."""
    stage = site.stage
    for _ in range(3):
        stage.reset()
        batch = stage.paid_out_batch()
        stage.rig.sql("UPDATE batch_conversions SET task_enqueued_at = task_enqueued_at - INTERVAL '30 minutes'")
        with ThreadPoolExecutor(3) as pool:
            token = stage.rig.response(batch, "48.50")
            callbacks = [pool.submit(stage.call_back, token) for _ in range(2)]
            check = pool.submit(impatient.tick)
            answers = [callback.result() for callback in callbacks]
        assert check.result().status_code == 200
        assert {answer.status_code for answer in answers} <= {200, 503}
        stage.assert_money_in_place()
        assert [row["conversion_status"] for row in stage.rig.batches()] == ["completed"]
        assert len(stage.rig.sql("SELECT 1 FROM batch_state_changes WHERE to_status = 'completed'")) == 1


def test_payments_that_arrive_while_checks_run_are_never_lost(site: Site) -> None:
    """Inserted all the while: each is in the batch whose total counts it, or pending."""
    stage = site.stage
    with ThreadPoolExecutor(1) as pool:
        for _ in range(4):
            stage.rig.pay("25.00")
            check = pool.submit(stage.tick)
            while not check.done():
                stage.rig.pay("0.01")
            assert check.result().status_code == 200
    stage.assert_money_in_place()
    assert len(stage.rig.batches()) == 4
