"""`batches`: the last batches, of one status, one client, since a time."""

from datetime import datetime

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.moments import Moment
from ops.command_line.text import table
from ops.situation.lists import BATCHES, STATUSES, show_batches


@click.command()
@click.option("--status", type=click.Choice(STATUSES), help="Only batches in this state.")
@click.option("--since", type=Moment(), help="Only batches opened from this time on.")
@click.option("--client", help="Only batches that hold, or held, a payment of this client.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@answering
def command(status: str | None, since: datetime | None, client: str | None, limit: int) -> Answer:
    """List the last batches."""
    with opened_database() as database, database.transaction() as transaction:
        rows = transaction.rows("list_batches", status=status, since=since, client_id=client, batches_max=limit)
    return Answer({"batches": rows}, table(show_batches(rows), BATCHES) if rows else ["no batch of that kind"])
