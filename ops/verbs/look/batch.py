"""`batch BATCH`: everything that is on record about one batch."""

from typing import Any

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.batch_names import batch_argument, find_batch
from ops.command_line.database import opened_database
from ops.command_line.text import pairs


@click.command()
@batch_argument
@answering
def command(batch: str) -> Answer:
    """Show the life of one batch."""
    with opened_database() as database, database.transaction() as transaction:
        found: dict[str, Any] | None = transaction.row("show_batch", batch_conversion_id=find_batch(transaction, batch))
    assert found is not None
    return Answer(found, pairs(found))
