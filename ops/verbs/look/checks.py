"""`checks`: what the last checks saw and decided, one by one or by reason."""

from datetime import datetime, timedelta
from itertools import pairwise

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.moments import Moment
from ops.command_line.text import age, table
from shared.outside.database import Row

COLUMNS = {
    "id": "check",
    "checked_at": "at",
    "gap": "after",
    "reason": "reason",
    "pending_usd": "pending $",
    "pending_payments": "payments",
    "threshold_usd": "threshold $",
    "threshold_source": "from",
    "batches_opened": "opened",
}
SUMMARY_COLUMNS = {
    "reason": "reason",
    "checks": "checks",
    "last_at": "last at",
    "pending_usd_max": "pending $ up to",
    "threshold_usd_max": "threshold $ up to",
    "batches_opened": "opened",
}
DEFAULT_SPAN = timedelta(hours=24)


@click.command()
@click.option("--reason", help="Only checks that ended for this reason.")
@click.option("--since", type=Moment(), help="Only checks from this time on.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@click.option("--summary", is_flag=True, help="By reason, of the last 24 hours or since --since.")
@answering
def command(reason: str | None, since: datetime | None, limit: int, *, summary: bool) -> Answer:
    """List the last checks with their reasons."""
    with opened_database() as database:
        if summary:
            rows = database.rows("summarize_checks", reason=reason, since=since or Moment.ago(DEFAULT_SPAN))
            return Answer({"reasons": rows}, _lines(rows, SUMMARY_COLUMNS))
        rows = database.rows("list_checks", reason=reason, since=since, checks_max=limit)
    gaps = [*(age(newer["checked_at"] - older["checked_at"]) for newer, older in pairwise(rows)), None]
    shown = [row | {"gap": None if reason else gap} for row, gap in zip(rows, gaps, strict=False)]
    return Answer({"checks": rows}, _lines(shown, COLUMNS))


def _lines(rows: list[Row], columns: dict[str, str]) -> list[str]:
    return table(rows, columns) if rows else ["no check of that kind"]
