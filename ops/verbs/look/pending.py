"""`pending`: the payments that wait for a batch."""

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.text import table
from ops.situation.lists import PENDING

STATEMENTS = {"age": "list_pending_by_age", "amount": "list_pending_by_amount", "rate": "list_pending_by_rate"}


@click.command()
@click.option(
    "--sort", type=click.Choice(list(STATEMENTS)), default="age", show_default=True, help="Oldest, largest, oddest."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@answering
def command(sort: str, limit: int) -> Answer:
    """List the payments that wait for a batch."""
    with opened_database() as database:
        rows = database.rows(STATEMENTS[sort], payments_max=limit)
    return Answer({"payments": rows}, table(rows, PENDING) if rows else ["nothing waits"])
