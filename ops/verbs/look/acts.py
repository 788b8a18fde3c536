"""`acts`: what people did, and why."""

import json

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.text import table
from shared.outside.database import Row

COLUMNS = {"acted_at": "at", "act": "act", "by_whom": "by", "on": "on", "why": "why"}


@click.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@answering
def command(limit: int) -> Answer:
    """List what operators did, and why."""
    with opened_database() as database:
        rows = database.rows("list_recent_acts", acts_max=limit)
    acts = [row | {"detail": json.loads(row["detail"] or "null")} for row in rows]
    shown = [act | {"on": _subject(act)} for act in acts]
    return Answer({"acts": acts}, table(shown, COLUMNS) if acts else ["nobody has done anything yet"])


def _subject(act: Row) -> str | None:
    """What an act was about: a batch, a payment, or a lever's new value."""
    if act["batch_conversion_id"] is not None:
        return f"batch {str(act['batch_conversion_id'])[:8]}"
    detail = act["detail"] if isinstance(act["detail"], dict) else {}
    if "payment_id" in detail:
        return f"payment {detail['payment_id']}"
    return str(detail["new"]) if "new" in detail else None
