"""How the database stands to the fence: which orders it knows, which it lacks, which a person has dealt with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from shared.flow.fence import StoredFence, read_fence
from shared.model.fence import FencedOrder, parse_ranges
from shared.outside.database import Queries, Row
from shared.outside.storage import StorageObject

ENDED: Final = ("completed", "failed")
DONE_BY: Final = {"fence enter": "entered again", "fence give-up": "given up"}


@dataclass(frozen=True)
class LackedOrder:
    """An order that the fence lists and the database has forgotten."""

    order: FencedOrder
    batch: Row | None
    """What the database has of its batch, where it has that."""
    dealt_with: str | None
    """What a person did about it; None where nobody has."""
    payments_present: int | None
    """How many of its payments the database has; None where nobody knows which they are."""
    payments_waiting: int
    """How many of them are pending (or, where nobody knows which they are, how many could be)."""
    are_all_waiting: bool
    """Whether they are there to the last, and wait: it can be entered as it was."""

    @property
    def document(self) -> dict[str, Any]:
        """The order for a program."""
        return vars(self.order) | {
            "status_in_database": self.batch["status"] if self.batch else None,
            "dealt_with": self.dealt_with,
            "payments_present": self.payments_present,
            "payments_waiting": self.payments_waiting,
            "are_all_waiting": self.are_all_waiting,
        }


@dataclass(frozen=True)
class Standing:
    """The fence and what of it the database lacks, oldest first."""

    address: str
    stored: StoredFence
    is_known: bool
    lacked: Sequence[LackedOrder]
    newest_number: int

    @property
    def is_behind(self) -> bool:
        """Whether nothing is ordered."""
        return not self.is_known

    @property
    def missing(self) -> list[LackedOrder]:
        """The orders that nobody has dealt with yet."""
        return [lacked for lacked in self.lacked if lacked.dealt_with is None]

    @property
    def is_complete(self) -> bool:
        """Whether every order that the database lacks is listed: the fence keeps the last ones."""
        return self.is_known or self.stored.fence.complete_after <= self.newest_number


def read_standing(stored: StorageObject, queries: Queries) -> Standing:
    """Compare the fence with the database; raises FenceUnavailable, or FenceLost where there is none."""
    found = read_fence(stored, queries)
    fence = found.fence
    known = queries.row("is_fence_known", fence_number=fence.number, fence_batch=fence.batch_conversion_id)
    newest = queries.row("read_newest_order")
    assert known
    assert newest
    lacked = [] if known["is_fence_known"] else find_lacked(fence.orders, queries)
    return Standing(stored.address, found, known["is_fence_known"], lacked, newest["number"] or 0)


def to_parameters(payment_ids: str | None) -> dict[str, list[int]]:
    """Write ids in ranges as parameters of a statement."""
    ranges = list(parse_ranges(payment_ids)) if payment_ids else []
    return {"first_ids": [run.start for run in ranges], "last_ids": [run.stop - 1 for run in ranges]}


def find_lacked(orders: Sequence[FencedOrder], queries: Queries) -> list[LackedOrder]:
    """Describe those of the orders that the database does not know, in their order."""
    ids = [str(order.batch_conversion_id) for order in orders]
    batches = {row["batch_conversion_id"]: row for row in queries.rows("list_fenced_batches", batches=ids)}
    acts = {
        (row["batch_conversion_id"], row["order_number"]): DONE_BY[row["act"]]
        for row in queries.rows("list_fence_acts", batches=ids)
    }
    return [
        _describe(order, batches.get(order.batch_conversion_id), acts, queries)
        for order in orders
        if not _is_known(order, batches.get(order.batch_conversion_id))
    ]


def _is_known(order: FencedOrder, batch: Row | None) -> bool:
    return batch is not None and (batch["order_number"] or -1) >= order.number


def _describe(
    order: FencedOrder, batch: Row | None, acts: Mapping[tuple[UUID, int], str], queries: Queries
) -> LackedOrder:
    done = acts.get((order.batch_conversion_id, order.number))
    if done is None and batch is not None and batch["status"] in ENDED:
        done = f"its batch has ended ({batch['status']})"
    return LackedOrder(order, batch, done, *_count_payments(order, queries))


def _count_payments(order: FencedOrder, queries: Queries) -> tuple[int | None, int, bool]:
    """Count an order's payments in the database, and those that wait; None where nobody knows which they are."""
    if order.payment_ids is None:
        row = queries.row("count_waiting_before", opened_at=order.opened_at)
        assert row
        return None, row["waiting"], False
    row = queries.row("count_payments_of_order", opened_at=order.opened_at, **to_parameters(order.payment_ids))
    assert row
    are_all_waiting = (row["waiting"], row["waiting_usd"]) == (order.payments, order.total_usd)
    return row["present"], row["waiting"], are_all_waiting
