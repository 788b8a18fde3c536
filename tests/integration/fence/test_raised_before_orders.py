"""The fence is raised before every order, and holds all that is needed to enter the order's batch again."""

from typing import Any

import pytest

from shared.model.fence import Fence
from shared.model.reasons import Reason
from shared.outside.cloud_tasks import OrderQueue
from tests.rig import Rig


def test_it_is_made_by_the_first_check(rig: Rig) -> None:
    """At 0, so that a right that is missing shows before the first order; the check's row says that it was there."""
    rig.check()
    assert rig.fence() == Fence()
    assert rig.checks()[-1]["fence_number"] == 0


def test_it_is_made_where_the_database_stands(rig: Rig) -> None:
    """Orders that were sent while no fence was kept are known by number; none of them is listed."""
    rig.overrides = {"FENCE": ""}
    rig.check_dependencies = rig.wire_check()
    _, batch = rig.open_batches("30.00", "31.00")
    rig.overrides = {}
    rig.check_dependencies = rig.wire_check()
    rig.check()
    assert rig.fence() == Fence(2, batch["batch_conversion_id"], complete_after=2)


def test_it_knows_an_order_with_all_that_its_batch_consists_of(rig: Rig) -> None:
    """As the database had it when the order left."""
    rig.pay("10.00", "11.00", "12.00")
    rig.sql("UPDATE payout_accumulation SET conversion_status = 'failed' WHERE id = 2")
    rig.check()
    (batch,) = rig.batches()
    fence = rig.fence()
    (order,) = fence.orders
    assert (fence.number, fence.batch_conversion_id) == (1, batch["batch_conversion_id"])
    assert (order.number, order.payments, order.payment_ids) == (1, 2, "1,3")
    assert (order.total_usd, order.amount_eth) == (batch["total_eth_usd"], batch["amount_eth"])
    assert (order.cn_api_id, order.payin_address) == (batch["cn_api_id"], batch["payin_address"])
    assert order.prepared_at == order.opened_at == rig.clock()
    assert rig.check().reason == Reason.BELOW_THRESHOLD
    assert rig.checks()[-1]["fence_number"] == 1


def test_it_is_written_before_the_order_leaves(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the instant of sending it is there."""
    seen: list[int] = []
    send = OrderQueue.enqueue_gchostpay1_batch_execution

    def look_and_send(queue: OrderQueue, *arguments: Any) -> bool:
        seen.append(rig.fence().number)
        return send(queue, *arguments)

    monkeypatch.setattr(OrderQueue, "enqueue_gchostpay1_batch_execution", look_and_send)
    rig.open_batches("30.00", "31.00")
    assert seen == [1, 2]
