"""`accept BATCH`: an unusual amount is right after all; the next callback or check distributes it."""

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.batch_names import batch_argument, find_batch
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone


@click.command()
@batch_argument
@answering
def command(batch: str) -> Answer:
    """Accept the unusual amount that arrived for a batch."""
    with opened_database() as database, database.transaction() as transaction:
        batch_conversion_id = find_batch(transaction, batch)
        if not transaction.execute("accept_amount", batch_conversion_id=batch_conversion_id):
            raise NotDone(f"batch {batch_conversion_id} is not swapping; see: ./microbatch batch {batch_conversion_id}")
    said = "accepted: the next callback, or the next check, distributes what ChangeNow says was paid out"
    return Answer({"batch_conversion_id": batch_conversion_id, "accepted": True}, [said])
