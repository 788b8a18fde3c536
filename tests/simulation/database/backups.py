"""Backups of the database: kept at a moment, put back at another, with all that the world knew of the rows then."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any, Final

from tests.simulation.model.fence import Listed, list_forgotten, read_word

if TYPE_CHECKING:
    from tests.simulation.history.vocabulary import Payment
    from tests.simulation.world.world import World

NAMES: Final = """
    SELECT COALESCE(nowpayments_payment_id, 'id ' || id) AS name, id, conversion_status AS status,
        batch_conversion_id AS batch_id
    FROM payout_accumulation ORDER BY id"""
GONE_FOR_GOOD: Final = 0.3


@dataclass(frozen=True)
class Backup:
    """A copy of all rows, and what the world remembers of them."""

    shelf: str
    recall: Callable[[], None]
    ours_from: datetime | None
    breaker_reset_at: datetime


class Backups:
    """One history's; *restored* counts how often one was put back."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._kept: list[Backup] = []
        self.restored = 0
        self.changed_at = datetime.min  # noqa: DTZ901 - naive, as the tables; by a restore, or by people after it
        self.lost: dict[str, Payment] = {}  # payments that a restored database has not, by NowPayments' id
        self.gone: set[str] = set()  # those that nobody puts back

    def keep(self) -> None:
        """Make a backup of this moment."""
        world = self._world
        shelf = f"backup_{len(self._kept)}"
        world.servers.shelves.keep(shelf)
        levers = world.levers
        self._kept.append(Backup(shelf, world.rules.remember(), levers.ours_from, levers.breaker_reset_at))
        world.journal.counts["backups made"] += 1

    def put_back(self, which: int) -> None:
        """Put a backup back, if there is one: every session ends, and whoever held a row holds it no more."""
        if not self._kept:
            return
        world, backup = self._world, self._kept[-1 - which % len(self._kept)]
        world.observer.end_all_sessions()
        world.lasting.rows.clear()
        before = self._note_holders()
        world.servers.shelves.put_back(backup.shelf)
        backup.recall()
        world.levers.ours_from = backup.ours_from
        world.levers.breaker_reset_at = backup.breaker_reset_at
        self.restored += 1
        self.note_change()
        self._note_lost(before)
        world.journal.counts["backups put back"] += 1

    def note_change(self) -> None:
        """Note that batches are known from now on that were not, or not as they are."""
        self.changed_at = self._world.now.replace(tzinfo=None)

    def names(self) -> dict[str, dict[str, Any]]:
        """The payments that are there, by NowPayments' id."""
        return {row["name"]: row for row in self._world.observer.sql(NAMES)}

    def note_held(self, batch_id: str) -> None:
        """Remember which payments a batch holds, by what they are called outside."""
        strangers = self._world.rules.strangers
        mine = [
            row["name"]
            for row in self._world.observer.sql(NAMES)
            if str(row["batch_id"]) == batch_id and row["id"] not in strangers
        ]
        self._world.records.payments_of[batch_id] = frozenset(mine)

    def _note_holders(self) -> dict[str, dict[str, Any]]:
        """Remember which payments the batches held that are about to be forgotten."""
        before = self.names()
        for batch_id in {str(row["batch_id"]) for row in before.values() if row["batch_id"] is not None}:
            self.note_held(batch_id)
        return before

    def _note_lost(self, before: dict[str, dict[str, Any]]) -> None:
        """Note what came in since; what another service had converted by itself is its own to put right."""
        records, there = self._world.records, self.names()
        dealt_with = {name for name, row in before.items() if row["status"] not in ("pending", "swapping", "completed")}
        dealt_with |= {name for name, row in before.items() if row["status"] == "completed" and not row["batch_id"]}
        self.gone |= dealt_with - there.keys()
        self.lost = {
            name: records.came_in[name]
            for name in sorted(records.came_in.keys() - there.keys() - self.gone, key=lambda name: int(name[3:]))
        }
        self.gone -= there.keys()
        self._lose_for_good()

    def _lose_for_good(self) -> None:
        """Now and then nobody has the payments of one order any more."""
        world = self._world
        random = Random(f"{world.history.seed}/lost/{self.restored}")
        word = read_word(world)
        if word is None or random.random() >= GONE_FOR_GOOD:
            return
        orders = [order for order in list_forgotten(word, world.observer.sql) if self._is_lost(order)]
        if orders:
            gone = world.records.payments_of[random.choice(orders).batch_id]
            self.gone |= gone
            self.lost = {name: payment for name, payment in self.lost.items() if name not in gone}

    def _is_lost(self, order: "Listed") -> bool:
        held = self._world.records.payments_of.get(order.batch_id)
        return bool(held) and held is not None and held <= self.lost.keys()
