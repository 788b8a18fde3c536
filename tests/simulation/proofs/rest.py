"""Where everything must be once the passing faults are over: what no lasting one touches is settled."""

from typing import TYPE_CHECKING, Any

from tests.simulation.model.fitting import sort_out
from tests.simulation.model.situation import Row, Situation, look
from tests.simulation.proofs.fence_rules import payments_are_all_there
from tests.simulation.world.peer_records import RuleBroken

if TYPE_CHECKING:
    from tests.simulation.world.world import World


def verify_rest(world: "World") -> None:
    """Every batch has ended and every claimable payment has its share, unless something lasting touches it."""
    world.rules.verify()
    payments_are_all_there(world)
    situation = look(world, world.now)
    for batch in situation.alive:
        if why_touched(world, situation, batch) is None:
            raise RuleBroken("two checks finish what was left", f"a batch is still {batch['status']}: {batch}")
    assert situation.policy is not None, "a healed world has a policy"
    fitting = sort_out(situation.claimable(), situation.policy, situation.market).without(situation.held)
    if fitting.surely:
        left = fitting.surely[0]
        raise RuleBroken("every payment gets where it belongs", f"payment {left['id']} still waits: {left}")


def why_touched(world: "World", situation: Situation, batch: Row) -> str | None:
    """What lasting fault keeps a batch from its end; None where nothing does."""
    if situation.is_held(batch):
        return "a row of its payments is held"
    if (how := world.lasting.why(batch["cn_api_id"])) is not None:
        return how
    if batch["holds_its_total"] is not True:
        return "its payments do not sum to its total"
    if batch["opened_because"] is None and not is_known_there(world, batch):
        return "the old service's, and ChangeNow knows no exchange of it"
    return None


def is_known_there(world: "World", batch: Row) -> bool:
    """Whether ChangeNow knows a batch's exchange."""
    known: dict[str, Any] = world.servers.exchange._exchanges
    return batch["cn_api_id"] in known


def verify_events_are_out(world: "World") -> None:
    """Whatever happened has been published."""
    if not world.history.conditions.with_events:
        return
    waiting = world.observer.sql("SELECT COUNT(*) AS events FROM batch_events WHERE published_at IS NULL")
    if waiting[0]["events"]:
        raise RuleBroken("every change is told of", f"{waiting[0]['events']} events are not published")
