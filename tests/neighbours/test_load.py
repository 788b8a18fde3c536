"""The architecture document's load test: payments through GCAccumulator's own entrance, while checks run."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from sandbox.demo.account import find_problems, take_account
from sandbox.world.world import Wishes, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

AT_ONCE = 4
WAITING = "SELECT 1 FROM payout_accumulation WHERE conversion_status <> 'completed' LIMIT 1"
UNFINISHED = "SELECT 1 FROM batch_conversions WHERE conversion_status NOT IN ('completed', 'failed')"
TOTALS = (
    "SELECT COUNT(*) AS payments, COUNT(DISTINCT batch_conversion_id) AS batches, SUM(accumulated_eth) AS usd,"
    " COUNT(*) FILTER (WHERE is_conversion_complete) AS complete FROM payout_accumulation"
    " WHERE conversion_status = 'completed'"
)


def pay(world: World, payments: int) -> None:
    """Let so many payments of five dollars come in, a few at a time, each by a user of its own."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ids = list(pool.map(lambda number: world.pay("5.00", user_id=number, client_id="test_client"), range(payments)))
    assert len(set(ids)) == payments


def finish(world: World) -> None:
    """Let checks run until nothing waits and no batch is in flight."""
    for _ in range(20):
        if not world.query(WAITING):
            return
        world.trigger()
        world.pubsub.wait_delivered(60)
        world.wait_for(lambda: not world.query(UNFINISHED), "the end of the batches", timeout_s=120)
        world.cloud_tasks.wait_idle(60)
    raise AssertionError("payments still wait after twenty checks")


def test_a_hundred_payments_become_one_batch() -> None:
    """$5 each: one check opens one batch for all of them, and says so in the document's words."""
    with World(Wishes(fee_pct=Decimal(0))) as world:
        pay(world, 100)
        finish(world)
        assert world.query(TOTALS) == [{"payments": 100, "batches": 1, "usd": Decimal(500), "complete": 100}]
        created = [line for line in world.logs("check_threshold") if line["message"] == "Batch conversion created"]
        assert len(created) == 1
        assert find_problems(take_account(world)) == []


@pytest.mark.long
def test_five_thousand_in_a_burst_while_checks_run() -> None:
    """However the checks fall among the payments: each is in one batch, every batch is paid once, nothing is left."""
    with World(Wishes(threshold_usd="500.00")) as world, ThreadPoolExecutor(1) as pool:
        burst = pool.submit(pay, world, 5000)
        while not burst.done():
            world.trigger()
            world.pubsub.wait_delivered(60)
        burst.result()
        world.set_threshold("0.01")
        finish(world)
        (totals,) = world.query(TOTALS)
        assert (totals["payments"], totals["complete"], totals["usd"]) == (5000, 5000, Decimal("24250"))
        assert totals["batches"] > 1
        assert find_problems(take_account(world)) == []
