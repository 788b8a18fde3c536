"""`held`: payments that wait and are never claimed as they stand, each with its reason."""

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.text import table
from ops.situation.lists import HELD, read_held


@click.command()
@click.option("--reason", help="Only payments held for this reason.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@answering
def command(reason: str | None, limit: int) -> Answer:
    """List payments that can never be claimed as they stand."""
    with opened_database() as database, database.transaction() as transaction:
        rows = read_held(transaction.rows("list_unclaimable", reason=reason, payments_max=limit))
    return Answer({"payments": rows}, table(rows, HELD) if rows else ["nothing is held"])
