"""`batch BATCH`: everything that is on record about one batch, and its life with times as recorded."""

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.batch_names import batch_argument, find_batch
from ops.command_line.database import opened_database
from ops.command_line.text import pairs
from ops.situation.batch_life import read_batch
from ops.situation.lives import life_lines


@click.command()
@batch_argument
@answering
def command(batch: str) -> Answer:
    """Show the life of one batch."""
    with opened_database() as database, database.transaction() as transaction:
        facts, life = read_batch(transaction, find_batch(transaction, batch))
    document = facts | {"life": [moment.document for moment in life]}
    known = {name: value for name, value in facts.items() if value is not None}
    return Answer(document, [*pairs(known), "", *life_lines(life)])
