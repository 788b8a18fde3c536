"""The rules that hold over restores: the fence knows of every order before it leaves, and no payment is in two."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sandbox.changenow.exchange import Exchange
from sandbox.peers.gchostpay1_tokens import Order
from tests.simulation.model.fence import read_word
from tests.simulation.world.peer_records import RuleBroken

if TYPE_CHECKING:
    from tests.simulation.world.world import World

Row = dict[str, Any]

FENCED: Final = "an order leaves only once the fence knows of it"
WANTED: Final = ("swapping", "completed")


def has_ended(exchange: Exchange) -> bool:
    """Whether an exchange ever ended without a payout, even if one came after all."""
    return any(word in ("failed", "refunded", "expired") for word, _ in exchange.history)


def payments_are_ordered_once(world: "World") -> None:
    """No payment is in two orders that GCHostPay1 pays, unless the first came to nothing or a person gave it up."""
    records = world.records
    paid = Counter[str]()
    for token, accepted in records.accepted.items():
        order = accepted.order
        is_over = has_ended(world.servers.exchange.exchange(order.cn_api_id))
        if token not in records.dead_orders and not is_over and order.batch_conversion_id not in records.given_up:
            paid.update(records.payments_of.get(order.batch_conversion_id, ()))
    if twice := sorted(name for name, times in paid.items() if times > 1):
        raise RuleBroken("no payment is ordered twice", f"payments {twice} are in more than one order that is paid")


def fence_is_not_ahead(world: "World", batches: Sequence[Row]) -> None:
    """As long as no backup was put back, the database knows whatever the fence does."""
    word = None if world.backups.restored else read_word(world)
    if word is None or word.number == 0:
        return
    numbers = {str(batch["id"]): batch["order_number"] or 0 for batch in batches}
    if numbers.get(str(word.batch_id), 0) < word.number:
        raise RuleBroken("the fence is never ahead", f"it says order {word.number} of {word.batch_id}: {numbers}")


def order_is_fenced(world: "World", order: Order, batch: Row | None) -> None:
    """An order that Cloud Tasks takes is told of outside the database, under the number that it has inside."""
    word, batch_id = read_word(world), order.batch_conversion_id
    if word is not None and batch is not None and word.tells_of(batch["order_number"] or 0, batch_id):
        return
    facts = (batch_id, order.cn_api_id, order.payin_address)
    listed = [] if word is None else [(one.batch_id, one.cn_api_id, one.payin_address) for one in word.orders]
    if world.backups.restored and facts in listed:  # the database was put back under the process that sends it
        return
    world.records.broken.append(RuleBroken(FENCED, f"ordered {order}, the fence says {word}"))


def wants_it(world: "World", batch: Row | None) -> bool:
    """Whether an order about to be paid belongs to a batch that wants it; one that is forgotten may."""
    is_restored = bool(world.backups.restored)
    if batch is None or (is_restored and batch["status"] == "pending"):
        return is_restored
    is_given_up = str(batch["id"]) in world.records.given_up
    return bool(batch["opened_because"]) and (batch["status"] in WANTED or is_given_up)


def payments_are_all_there(world: "World") -> None:
    """Whatever came in is there once, but for what nobody could put back."""
    missing = world.records.came_in.keys() - world.backups.names().keys() - world.backups.gone
    if missing:
        raise RuleBroken("what is lost is put back", f"payments {sorted(missing)} are not there")
