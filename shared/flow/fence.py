"""The fence in a check: read at its start, and raised to every order before it leaves.

The intent is committed first (order_prepared_at, order_number), so that a crash anywhere leaves the fence where the
database is, or behind it. A fence ahead of it is a database that was put back to a backup.
"""

import uuid
from typing import Final, NamedTuple

from shared import logs
from shared.errors import DatabaseBehind, FenceLost, FenceMoved, FenceUnavailable, MicroBatchError
from shared.model.fence import Fence, FencedOrder, parse_fence
from shared.model.reasons import Reason
from shared.outside.database import Queries
from shared.outside.storage import NO_OBJECT, StorageObject

SHOW: Final = "see ./microbatch fence show"
REASONS: Final = {
    DatabaseBehind: Reason.DATABASE_BEHIND,
    FenceLost: Reason.FENCE_LOST,
    FenceUnavailable: Reason.FENCE_UNAVAILABLE,
}


class StoredFence(NamedTuple):
    """A fence as it was read: NO_OBJECT is the generation of one that is still to be made."""

    fence: Fence
    generation: int


def read_fence(stored: StorageObject, queries: Queries) -> StoredFence:
    """Read the fence; where there is none and never was one, it is to be made where the database stands.

    Raises FenceUnavailable, or FenceLost where it is gone, or is none.
    """
    found = stored.read()
    if found is not None:
        try:
            return StoredFence(parse_fence(found.content), found.generation)
        except FenceLost as error:
            raise FenceLost(f"{stored.address}: {error}; {SHOW}") from error
    newest = queries.row("read_newest_order")
    assert newest is not None
    if newest["was_fence_read"]:
        raise FenceLost(f"{stored.address} was there and is gone; {SHOW}")
    number = newest["number"] or 0
    return StoredFence(Fence(number, newest["batch_conversion_id"], complete_after=number), NO_OBJECT)


class CheckFence:
    """What one check knows of the fence. The first trouble with it holds back every order until the check's end."""

    def __init__(self, stored: StorageObject | None) -> None:
        self._object = stored
        self._stored = StoredFence(Fence(), NO_OBJECT)
        self._trouble: MicroBatchError | None = None

    @property
    def is_kept(self) -> bool:
        """Whether there is a fence at all: it is optional."""
        return self._object is not None

    @property
    def position(self) -> dict[str, int | uuid.UUID | None]:
        """The newest order by the fence's word, as parameters of a statement."""
        fence = self._stored.fence
        return {"fence_number": fence.number, "fence_batch": fence.batch_conversion_id}

    @property
    def number_read(self) -> int | None:
        """The newest order's number for the record; None where no fence was read."""
        return None if self._stored.generation == NO_OBJECT else self._stored.fence.number

    @property
    def blocked_by(self) -> Reason | None:
        """Why no order may leave, or None."""
        return next((reason for kind, reason in REASONS.items() if isinstance(self._trouble, kind)), None)

    def look(self, queries: Queries) -> None:
        """Read the fence; what goes wrong is kept as trouble, and told."""
        if self._object is None:
            return
        try:
            self._stored = read_fence(self._object, queries)
        except (FenceUnavailable, FenceLost) as error:
            self._note(error)

    def judge(self, *, is_known: bool) -> None:
        """Take in whether the database knows the newest order; one that does not must not order anything."""
        if not is_known:
            self._note(self._find_behind())

    def make(self) -> None:
        """Make the fence where there is none yet, so that a right that is missing shows before the first order."""
        if self._object is None or self._trouble or self._stored.generation != NO_OBJECT:
            return
        try:
            self._write(self._stored.fence)
        except FenceMoved:  # by another check of this moment, whose database must be asked as well
            self._note(FenceUnavailable(f"{self._object.address} was made by somebody else just now"))
        except FenceUnavailable as error:
            self._note(error)

    def raise_to(self, order: FencedOrder, queries: Queries) -> None:
        """Put an order on record outside the database; unless this returns, it must not leave.

        Raises FenceUnavailable, FenceLost or DatabaseBehind.
        """
        if self._object is None:
            return
        if self._trouble:
            raise self._trouble
        try:
            self._raise_to(order, queries)
        except (FenceUnavailable, FenceLost, DatabaseBehind) as error:
            self._note(error)
            raise

    def _raise_to(self, order: FencedOrder, queries: Queries) -> None:
        """Write unless it is written; where an answer was lost or the fence has moved, read and judge it once more."""
        try:
            self._list(order)
        except FenceUnavailable:
            self._look_again(queries)
            self._list(order)

    def _list(self, order: FencedOrder) -> None:
        """Write unless it is told of: also what is older than the newest, or a restored database would forget it."""
        fence = self._stored.fence
        is_told = fence.tells_of(order)
        if not is_told or self._stored.generation == NO_OBJECT:
            self._write(fence if is_told else fence.with_order(order))

    def _look_again(self, queries: Queries) -> None:
        assert self._object is not None
        self._stored = read_fence(self._object, queries)
        known = queries.row("is_fence_known", **self.position)
        if known is None or not known["is_fence_known"]:
            raise self._find_behind()

    def _write(self, fence: Fence) -> None:
        assert self._object is not None
        self._stored = StoredFence(fence, self._object.write(fence.document, self._stored.generation))

    def _find_behind(self) -> DatabaseBehind:
        fence = self._stored.fence
        return DatabaseBehind(
            f"the database has forgotten orders that are out: the newest is order {fence.number}, of batch "
            f"{fence.batch_conversion_id}; {SHOW}"
        )

    def _note(self, trouble: MicroBatchError) -> None:
        """Keep the first trouble, and tell of it once."""
        if self._trouble:
            return
        self._trouble = trouble
        fence = self._stored.fence
        if isinstance(trouble, DatabaseBehind):
            logs.critical(
                logs.Event.DATABASE_BEHIND,
                f"Nothing is ordered: {trouble}",
                fence_number=fence.number,
                batch_conversion_id=fence.batch_conversion_id,
            )
        else:
            logs.error(logs.Event.FENCE_UNAVAILABLE, f"Nothing is ordered: {trouble}", reason=self.blocked_by)
