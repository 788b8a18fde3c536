"""`wait BATCH`: until a batch has ended."""

import time
import uuid

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.batch_names import batch_argument, find_batch
from ops.command_line.database import opened_database
from ops.command_line.exits import Exit
from ops.command_line.moments import Seconds
from shared.outside.database import Database, Row

POLL_S = 1.0
ENDED = ("completed", "failed")


@click.command()
@batch_argument
@click.option("--timeout", "timeout_s", type=Seconds(0), default=3600, show_default=True, help="Seconds.")
@answering
def command(batch: str, timeout_s: float) -> Answer:
    """Wait until a batch has ended: 0, 1 if it failed, 8 while it runs."""
    with opened_database() as database:
        with database.transaction() as transaction:
            batch_conversion_id = find_batch(transaction, batch)
        row = _awaited(database, batch_conversion_id, timeout_s)
    names = ("batch_conversion_id", "status", "exchange_status", "received_usdt", "completed_at", "failure_reason")
    document = {name: row[name] for name in names}
    if row["status"] == "completed":
        received = "an amount that is not on record" if row["received_usdt"] is None else f"{row['received_usdt']} USDT"
        return Answer(document, [f"batch {batch_conversion_id} is completed with {received}"])
    if row["status"] == "failed":
        said = f"batch {batch_conversion_id} has failed: {row['failure_reason']}; its payments wait again"
        return Answer(document, [said], Exit.REFUSED)
    said = f"batch {batch_conversion_id} is {row['status']}, ChangeNow's last word: {row['exchange_status'] or 'none'}"
    return Answer(document, [said], Exit.PENDING)


def _awaited(database: Database, batch_conversion_id: uuid.UUID, timeout_s: float) -> Row:
    deadline = time.monotonic() + timeout_s
    while True:
        with database.transaction() as transaction:
            row = transaction.row("show_batch", batch_conversion_id=batch_conversion_id)
        assert row is not None
        left_s = deadline - time.monotonic()
        if row["status"] in ENDED or left_s <= 0:
            return row
        time.sleep(min(POLL_S, left_s))
