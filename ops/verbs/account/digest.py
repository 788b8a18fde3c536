"""`digest`: the digests of completed batches, made where they are missing; the next check publishes them."""

import click

from ops.books.digests import keep_digest
from ops.command_line import text
from ops.command_line.answers import Answer, answering, tell
from ops.command_line.batch_names import BatchName, find_batch
from ops.command_line.database import opened_database


@click.command()
@click.argument("batch", type=BatchName(), required=False)
@answering
def command(batch: str | None) -> Answer:
    """Make the digests of completed batches.

    Of one batch, or of every one that has none; a stored digest is compared.
    """
    with opened_database() as database:
        with database.transaction() as transaction:
            if batch is not None:
                wanted = [find_batch(transaction, batch)]
            else:
                wanted = [row["batch_conversion_id"] for row in transaction.rows("list_batches_without_digest")]
        made = []
        for batch_conversion_id in wanted:
            digest = keep_digest(database, batch_conversion_id)
            made.append({"batch_conversion_id": batch_conversion_id, "digest": digest.hexadecimal})
            tell(f"{batch_conversion_id}: {text.count(digest.batch['payments'], 'payment')}")
    lines = [f"{one['batch_conversion_id']}  {one['digest']}" for one in made]
    return Answer({"digests": made}, lines or ["every completed batch has its digest"])
