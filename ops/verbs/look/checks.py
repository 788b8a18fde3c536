"""`checks`: what the last checks saw and decided, one by one or by reason."""

from datetime import datetime, timedelta

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.moments import Moment
from ops.command_line.text import table
from ops.situation.lists import CHECKS, CHECKS_BY_REASON, show_checks
from shared.outside.database import Row

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
            return Answer({"reasons": rows}, _lines(rows, CHECKS_BY_REASON))
        rows = database.rows("list_checks", reason=reason, since=since, checks_max=limit)
    shown = rows if reason else show_checks(rows)
    return Answer({"checks": rows}, _lines(shown, CHECKS))


def _lines(rows: list[Row], columns: dict[str, str]) -> list[str]:
    return table(rows, columns) if rows else ["no check of that kind"]
