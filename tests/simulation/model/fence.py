"""The fence by itself: what it says, whether the database knows that, which orders it lacks, what verbs may do."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sandbox.google.storage.objects import NotFoundError
from tests.rig import FENCES
from tests.simulation.model.levers import Sql

if TYPE_CHECKING:
    from tests.simulation.world.world import World

Row = dict[str, Any]

OBJECT: Final = "newest-order"
BATCHES: Final = """
    SELECT batch_conversion_id AS id, conversion_status AS status, order_number FROM batch_conversions"""
ACTS: Final = "SELECT act, batch_conversion_id AS batch_id, detail FROM operator_acts WHERE act LIKE 'fence %'"
ALIVE: Final = ("pending", "swapping")


@dataclass(frozen=True)
class Listed:
    """An order as the fence lists it; *opened_at* is naive UTC, as the tables have it."""

    number: int
    batch_id: str
    cn_api_id: str
    payin_address: str
    payments: int
    payment_ids: frozenset[int]
    total_usd: Decimal
    opened_at: datetime


@dataclass(frozen=True)
class Word:
    """What the fence says."""

    number: int
    batch_id: str | None
    complete_after: int
    orders: Sequence[Listed]

    def tells_of(self, number: int, batch_id: str) -> bool:
        """Whether an order is listed, or older than what the list goes back to."""
        listed = {(one.number, one.batch_id) for one in self.orders}
        return 0 < number <= self.complete_after or (number, batch_id) in listed


def read_word(world: "World") -> Word | None:
    """Read the object where it is kept; None where there is none yet."""
    try:
        content = world.servers.storage.buckets.read(FENCES, OBJECT).content
    except NotFoundError:
        return None
    document = json.loads(content)
    orders = [_read_order(order) for order in document["orders"]]
    return Word(document["number"], document["batch_conversion_id"], document["complete_after"], orders)


def _read_order(order: Row) -> Listed:
    return Listed(
        order["number"],
        order["batch_conversion_id"],
        order["cn_api_id"],
        order["payin_address"],
        order["payments"],
        _read_ids(order["payment_ids"]),
        Decimal(order["total_usd"]),
        datetime.fromisoformat(order["opened_at"]).astimezone(UTC).replace(tzinfo=None),
    )


def _read_ids(text: str) -> frozenset[int]:
    ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
    return frozenset(number for end in ends for number in range(end[0], end[-1] + 1))


def is_known(word: Word, sql: Sql) -> bool:
    """Whether a database knows the newest order: it has that batch with that number, or a person has accepted it."""
    if word.number == 0:
        return True
    if any(str(row["id"]) == word.batch_id and (row["order_number"] or 0) >= word.number for row in sql(BATCHES)):
        return True
    accepted = [json.loads(act["detail"]) for act in sql(ACTS) if act["act"] == "fence accept"]
    return any((act["number"], act["batch_conversion_id"]) == (word.number, word.batch_id) for act in accepted)


def is_complete(word: Word, sql: Sql) -> bool:
    """Whether the fence lists whatever a database may lack."""
    return word.complete_after <= max((row["order_number"] or 0 for row in sql(BATCHES)), default=0)


def is_behind(world: "World") -> bool:
    """Whether the database has forgotten an order that is out, and nobody has said that it may go on."""
    if not world.backups.restored:
        return False
    word = read_word(world)
    return word is not None and not is_known(word, world.observer.sql)


def list_forgotten(word: Word, sql: Sql) -> list[Listed]:
    """The orders that the database lacks and nobody has dealt with, oldest first."""
    batches = {str(row["id"]): row for row in sql(BATCHES)}
    dealt_with = {
        (str(act["batch_id"]), json.loads(act["detail"])["order_number"])
        for act in sql(ACTS)
        if act["act"] in ("fence enter", "fence give-up")
    }
    return [
        order
        for order in word.orders
        if (order.batch_id, order.number) not in dealt_with and _is_open(order, batches.get(order.batch_id))
    ]


def is_forgotten(world: "World", batch_id: str) -> bool:
    """Whether an order of a batch is out that the database lacks, and nobody has dealt with."""
    word = read_word(world)
    return word is not None and any(order.batch_id == batch_id for order in list_forgotten(word, world.observer.sql))


def _is_open(order: Listed, batch: Row | None) -> bool:
    return batch is None or (batch["status"] in ALIVE and (batch["order_number"] or 0) < order.number)


def may_enter(order: Listed, batch: Row | None, payments: Sequence[Row], named: frozenset[int] = frozenset()) -> bool:
    """Whether an order's batch can be entered: it is there, or exactly its payments wait, as listed or as *named*."""
    if batch is not None:
        return True
    waiting = _waiting(payments, named or order.payment_ids, None if named else order.opened_at)
    total_usd = sum((row["usd"] or Decimal(0) for row in waiting), Decimal(0))
    return (len(waiting), total_usd) == (order.payments, order.total_usd)


def may_give_up(order: Listed, batch: Row | None, payments: Sequence[Row], *, rest_again: bool = False) -> bool:
    """Whether an order's batch can be given up: none of its payments waits, or (*rest_again*) it cannot be entered."""
    if batch is not None:
        return False
    if rest_again and not may_enter(order, batch, payments):
        return True
    return not _waiting(payments, order.payment_ids, order.opened_at)


def _waiting(payments: Sequence[Row], ids: frozenset[int], opened_at: datetime | None) -> list[Row]:
    return [
        row
        for row in payments
        if row["id"] in ids
        and (row["status"], row["batch_id"]) == ("pending", None)
        and (opened_at is None or (row["created_at"] is not None and row["created_at"] <= opened_at))
    ]
