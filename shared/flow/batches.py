"""Reading a batch: to look at it, or to hold it for the rest of a transaction."""

import uuid

from shared.model.batch import Batch
from shared.outside.database import Queries, Transaction


def find_batch(queries: Queries, batch_conversion_id: uuid.UUID) -> Batch | None:
    """Read a batch as it stands now; None where there is none."""
    row = queries.row("read_batch", batch_conversion_id=batch_conversion_id)
    return Batch(**row) if row else None


def lock_batch(transaction: Transaction, batch_conversion_id: uuid.UUID) -> Batch | None:
    """Read a batch and hold it until the transaction ends; None where there is none."""
    row = transaction.lock_row("read_batch", batch_conversion_id=batch_conversion_id)
    return Batch(**row) if row else None


def read_batch(queries: Queries, batch_conversion_id: uuid.UUID) -> Batch:
    """Read a batch that is known to exist."""
    batch = find_batch(queries, batch_conversion_id)
    assert batch is not None, f"batch {batch_conversion_id} has vanished"
    return batch
