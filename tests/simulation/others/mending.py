"""What people put right at last: rows are let go, strangers taken out of batches, dead batches released by the verb."""

from typing import TYPE_CHECKING, Final

from tests.simulation.database.installation import at
from tests.simulation.model.situation import Row, look
from tests.simulation.others.operators import DONE, type_verb
from tests.simulation.proofs.rest import is_known_there
from tests.simulation.world.peer_records import RuleBroken

if TYPE_CHECKING:
    from tests.simulation.world.world import World

FREE: Final = """
    UPDATE payout_accumulation SET conversion_status = 'pending', batch_conversion_id = NULL WHERE id = {id}
        AND batch_conversion_id = '{batch}'"""
VOUCHED: Final = "--gchostpay1-has-not-paid"


def put_right(world: "World") -> bool:
    """End what lasts; returns whether there was anything."""
    left = look(world, world.now).alive
    if world.lasting.is_empty and not world.observer.held.ids and not left:
        return False
    world.observer.held.free_all()
    world.lasting.end()
    for payment_id, batch_id in world.rules.strangers.items():
        world.observer.sql(at(world.now, [FREE.format(id=payment_id, batch=batch_id)]))
    for batch in left:
        if not is_known_there(world, batch):
            _release(world, str(batch["id"]))
        elif _waits_for_ever(world, batch):
            _end_waiting(world, batch)
    return True


def _waits_for_ever(world: "World", batch: Row) -> bool:
    """Whether nobody pays a batch's exchange, and nobody tells that it expires; GCHostPay1's log shows no payment."""
    exchange_id = batch["cn_api_id"]
    is_waiting = exchange_id in world.lasting.unpaid
    return is_waiting and world.servers.exchange.exchange(exchange_id).status == "waiting"


def _release(world: "World", batch_id: str) -> None:
    """Release a batch for which there is no exchange, and so surely no payment."""
    if type_verb(world, "release", batch_id, VOUCHED) != DONE:
        raise RuleBroken("an operator's word counts", f"batch {batch_id} has no exchange and was not released")


def _end_waiting(world: "World", batch: Row) -> None:
    """Release what GCHostPay1's log shows to be unpaid; where ChangeNow never saw a deposit, its support ends it."""
    if batch["cn_api_id"] in world.records.to_be_paid:
        world.servers.exchange.expire(batch["cn_api_id"])
    else:
        _release(world, str(batch["id"]))
