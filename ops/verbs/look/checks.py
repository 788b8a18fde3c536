"""`checks`: what the last checks saw and decided."""

from datetime import datetime

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.moments import Moment
from ops.command_line.text import table

COLUMNS = {
    "id": "check",
    "checked_at": "at",
    "reason": "reason",
    "pending_usd": "pending $",
    "pending_payments": "payments",
    "threshold_usd": "threshold $",
    "threshold_source": "from",
    "batches_opened": "opened",
}


@click.command()
@click.option("--reason", help="Only checks that ended for this reason.")
@click.option("--since", type=Moment(), help="Only checks from this time on.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@answering
def command(reason: str | None, since: datetime | None, limit: int) -> Answer:
    """List the last checks with their reasons."""
    with opened_database() as database, database.transaction() as transaction:
        rows = transaction.rows("list_checks", reason=reason, since=since, checks_max=limit)
    return Answer({"checks": rows}, table(rows, COLUMNS) if rows else ["no check of that kind"])
