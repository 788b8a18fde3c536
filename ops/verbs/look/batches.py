"""`batches`: the last batches, of one status, one client, since a time."""

from datetime import datetime

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.moments import Moment
from ops.command_line.text import age, table
from shared.outside.database import Row

STATUSES = ("pending", "swapping", "completed", "failed")
COLUMNS = {
    "number": "#",
    "short_id": "batch",
    "status": "status",
    "payments": "payments",
    "total_usd": "dollars",
    "received_usdt": "USDT received",
    "created_at": "opened",
    "took": "took",
    "settled_by": "settled by",
    "exchange_status": "ChangeNow says",
    "failure_reason": "failed because",
}


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
    shown = [row | {"short_id": str(row["batch_conversion_id"])[:8], "took": _took(row)} for row in rows]
    return Answer({"batches": rows}, table(shown, COLUMNS) if rows else ["no batch of that kind"])


def _took(batch: Row) -> str | None:
    if batch["completed_at"] is None or batch["created_at"] is None:
        return None
    return age(batch["completed_at"] - batch["created_at"])
