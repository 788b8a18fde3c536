"""The digest of a completed batch: made from its payments, off the money path, and stored as an event of its own."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ops.books.tree import Tree
from ops.books.verify import batch_digest
from ops.command_line.failures import NotDone
from ops.command_line.text import instant
from shared.flow import events
from shared.outside.database import Database, Transaction

EVENT: Final = "batch.digest"
HASH_BYTES: Final = 32


@dataclass(frozen=True)
class Digest:
    """A batch's facts as its receipts show them, its tree's root, and the path of the payment that was asked for."""

    batch: dict[str, Any]
    root: str
    index: int | None
    path: list[str]

    @property
    def hexadecimal(self) -> str:
        """The digest itself."""
        return batch_digest(self.batch, self.root)


@dataclass(frozen=True)
class Stored:
    """A digest that is on record, and when it was made."""

    hexadecimal: str
    made_at: datetime


def make_digest(transaction: Transaction, batch_conversion_id: uuid.UUID, payment_id: int | None = None) -> Digest:
    """Compute a completed batch's digest; raises NotDone for a batch that has none."""
    batch = transaction.row("show_receipt_batch", batch_conversion_id=batch_conversion_id)
    if batch is None:
        raise NotDone(
            f"batch {batch_conversion_id} was not settled by us; see: ./microbatch batch {batch_conversion_id}"
        )
    index = None
    if payment_id is not None:
        row = transaction.row("find_leaf", batch_conversion_id=batch_conversion_id, payment_id=payment_id)
        index = row["leaves_before"] if row else None
    tree = Tree(index)
    for leaves in _leaves(transaction, batch_conversion_id):
        tree.extend(leaves)
    root, path = tree.close()
    return Digest(batch, root, index, path)


def _leaves(transaction: Transaction, batch_conversion_id: uuid.UUID) -> Iterator[list[bytes]]:
    """The leaves' hashes in order of the payments' ids, made by the server and fetched a block at a time."""
    transaction.execute("open_leaves", batch_conversion_id=batch_conversion_id)
    while rows := transaction.rows("fetch_leaves"):
        for block in (row["leaves"] for row in rows):
            yield [block[at : at + HASH_BYTES] for at in range(0, len(block), HASH_BYTES)]
    transaction.execute("close_leaves")


def keep_digest(database: Database, batch_conversion_id: uuid.UUID, payment_id: int | None = None) -> Digest:
    """Compute a digest and store it where it is not stored yet; raises NotDone where another one is on record."""
    digest, stored = compare_digest(database, batch_conversion_id, payment_id)
    if stored is not None and stored.hexadecimal != digest.hexadecimal:
        raise NotDone(
            f"batch {batch_conversion_id} no longer gives its digest of {instant(stored.made_at)}: "
            "somebody has changed it or its payments since"
        )
    return digest


def compare_digest(
    database: Database, batch_conversion_id: uuid.UUID, payment_id: int | None = None
) -> tuple[Digest, Stored | None]:
    """Compute a digest, and store it where none is on record; returned is also the one that was there before."""
    with database.transaction() as transaction:
        transaction.row("lock_digest", batch_conversion_id=batch_conversion_id)
        digest = make_digest(transaction, batch_conversion_id, payment_id)
        row = transaction.row("get_digest", batch_conversion_id=batch_conversion_id)
        if row is not None:
            return digest, Stored(json.loads(row["data"])["digest"], row["occurred_at"])
        facts = {"batch_conversion_id": batch_conversion_id, "digest": digest.hexadecimal}
        events.record(transaction, EVENT, facts | {"payments": digest.batch["payments"]}, datetime.now(UTC))
    return digest, None
