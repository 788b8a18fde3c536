"""That a batch's order is out: on record once, with its event, whoever notices it first."""

from datetime import datetime

from shared import logs
from shared.flow import events
from shared.model.batch import Batch
from shared.outside.database import Transaction


def note_order(transaction: Transaction, batch: Batch, now: datetime) -> bool:
    """Put on record that the order is out, and tell of the batch; False where that was known."""
    if not transaction.execute("record_order", batch_conversion_id=batch.batch_conversion_id, now=now):
        return False
    events.record(transaction, "batch.created", batch.facts, now)
    return True


def log_order(batch: Batch) -> None:
    """Tell of it, after the commit."""
    logs.info(logs.Event.BATCH_CREATED, "Batch conversion created", **batch.facts)
