"""People after a restore: payments put back, orders entered again or given up, the fence accepted; rightly or not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.wire import faults
from tests.simulation.engine.running_action import RunningAction
from tests.simulation.history.vocabulary import Check
from tests.simulation.model import fence
from tests.simulation.model.fence import Listed, may_enter, may_give_up
from tests.simulation.model.situation import Row, look
from tests.simulation.others import steering
from tests.simulation.others.operators import DONE, type_verb
from tests.simulation.others.payments import put_payments_back
from tests.simulation.world.peer_records import RuleBroken

if TYPE_CHECKING:
    from tests.simulation.world.world import World

RULE: Final = "the fence's verbs do what the page says"
REST_AGAIN: Final = "--order-rest-again"
TRY_AGAIN: Final = 3
ROUNDS: Final = 3
HOUR: Final = 3600
BETWEEN_S: Final = 6 * HOUR  # after which an exchange that nobody pays has expired


@dataclass(frozen=True)
class Ground:
    """An order that is forgotten, with what the database has of its batch and of its payments."""

    order: Listed
    batch: Row | None
    payments: list[Row]
    named: frozenset[int]  # the ids that its payments have now, all of them; else none
    held_by: list[Row]  # batches alive that hold some of them
    are_waiting: bool  # some of them wait


def act(world: "World", step: str, which: int) -> None:
    """Do one thing of the page, unless something that it needs is away or somebody holds a row."""
    if world.servers.is_sound and not world.observer.held.ids:
        STEPS[step](world, which)


def go_on(world: "World") -> None:
    """Go through the page to its end, in its order: then batches are opened and ordered again."""
    put_payments_back(world)
    for number in range(ROUNDS):
        for order in _forgotten(world):
            _deal_with(world, order, is_last=number == ROUNDS - 1)
        left = _forgotten(world)
        if not left:
            break
        _let_end(world, left)
    _accept(world)
    if fence.is_behind(world):
        raise RuleBroken("everything goes on after the operator's word", "the database is still behind")


def _forgotten(world: "World") -> list[Listed]:
    word = fence.read_word(world) if fence.is_behind(world) else None
    return [] if word is None else fence.list_forgotten(word, world.observer.sql)


def _look_at(world: "World", order: Listed) -> Ground:
    situation, names = look(world, world.now), world.backups.names()
    batches = {str(batch["id"]): batch for batch in situation.batches}
    held = world.records.payments_of.get(order.batch_id, frozenset())
    mine = [names[name] for name in held if name in names]
    holders = {str(row["batch_id"]) for row in mine if row["batch_id"] is not None} - {order.batch_id}
    return Ground(
        order,
        batches.get(order.batch_id),
        list(situation.payments),
        frozenset(row["id"] for row in mine) if len(mine) == len(held) else frozenset(),
        [batches[name] for name in sorted(holders) if batches[name]["status"] in fence.ALIVE],
        any((row["status"], row["batch_id"]) == ("pending", None) for row in mine),
    )


def _deal_with(world: "World", order: Listed, *, is_last: bool) -> None:
    """Enter an order; give it up where its payments are settled or gone; else wait for those who have them."""
    ground = _look_at(world, order)
    if may_enter(order, ground.batch, ground.payments) or _can_be_named(ground):
        _enter(world, ground)
    elif not ground.held_by or is_last:
        _give_up(world, ground, rest_again=not may_give_up(order, ground.batch, ground.payments))


def _can_be_named(ground: Ground) -> bool:
    return bool(ground.named) and may_enter(ground.order, ground.batch, ground.payments, ground.named)


def _enter(world: "World", ground: Ground) -> None:
    """Type it as the page has it; where its payments have other ids now, a second time with those."""
    order = ground.order
    is_certain = may_enter(order, ground.batch, ground.payments)
    _expect(world, is_certain, "enter", order.batch_id)
    if not is_certain and ground.named:
        ids = ",".join(map(str, sorted(ground.named)))
        _expect(world, _can_be_named(ground), "enter", order.batch_id, "--payments", ids)


def _give_up(world: "World", ground: Ground, *, rest_again: bool = False) -> None:
    order = ground.order
    is_certain = may_give_up(order, ground.batch, ground.payments, rest_again=rest_again)
    _expect(world, is_certain, "give-up", order.batch_id, *([REST_AGAIN] if rest_again else []))
    if is_certain:
        world.records.given_up.add(order.batch_id)


def _accept(world: "World") -> None:
    """Go on from the fence; what it no longer lists is refused first, and then agreed to."""
    word = fence.read_word(world) if fence.is_behind(world) else None
    if word is None or fence.is_complete(word, world.observer.sql):
        _expect(world, not _forgotten(world), "accept")
        return
    _expect(world, False, "accept")
    world.records.given_up |= world.records.payments_of.keys() - {order.batch_id for order in word.orders}
    _expect(world, not _forgotten(world), "accept", "--unlisted")


def _expect(world: "World", is_certain: bool, *typed: str) -> None:
    code = type_verb(world, "fence", *typed)
    world.journal.counts[f"fence {typed[0]} -> {code}"] += 1
    world.backups.note_change()
    if (code == DONE) != is_certain:
        raise RuleBroken(RULE, f"expected {typed} to be {'done' if is_certain else 'refused'}, saw exit code {code}")


def _let_end(world: "World", left: list[Listed]) -> None:
    """Release what holds payments of an order and was never ordered itself; checks bring the others to their end."""
    for order in left:
        for batch in _look_at(world, order).held_by:
            if batch["order_prepared_at"] is None and batch["task_enqueued_at"] is None:
                steering.release(world, batch)
    world.wait(BETWEEN_S, RunningAction(world))
    world.check(Check(), RunningAction(world))


def _of_one(do: Callable[["World", Ground], None]) -> Callable[["World", int], None]:
    """Do it to one of the orders that are forgotten, whichever."""

    def to_one(world: "World", which: int) -> None:
        if orders := _forgotten(world):
            do(world, _look_at(world, orders[which % len(orders)]))

    return to_one


def _give_up_at_random(world: "World", ground: Ground) -> None:
    """Not what waits under another id: the page asks a person to look, and no verb can know."""
    if not ground.are_waiting or not may_give_up(ground.order, ground.batch, ground.payments):
        _give_up(world, ground)


def _while_away(world: "World", which: int) -> None:
    """Cloud Storage does not answer: a verb says so, and nothing is done."""
    verb: tuple[str, ...] = ("accept",)
    if orders := _forgotten(world):
        verb = (("enter", "give-up")[which % 2], orders[0].batch_id)
    world.servers.storage.faults.add("*", faults.status(403), times=None)
    code = type_verb(world, "fence", *verb)
    world.servers.storage.faults.clear()
    if code != TRY_AGAIN:
        raise RuleBroken(RULE, f"expected {verb} to be typed again later, saw exit code {code}")


STEPS: Final[dict[str, Callable[["World", int], Any]]] = {
    "payments": lambda world, _: put_payments_back(world),
    "enter": _of_one(_enter),
    "give up": _of_one(_give_up_at_random),
    "accept": lambda world, _: _accept(world),
    "the fence is away": _while_away,
    "all": lambda world, _: go_on(world),
}
