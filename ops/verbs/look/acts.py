"""`acts`: what people did, and why."""

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.text import table
from ops.situation.lists import ACTS, read_details, show_acts


@click.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@answering
def command(limit: int) -> Answer:
    """List what operators did, and why."""
    with opened_database() as database:
        acts = read_details(database.rows("list_recent_acts", acts_max=limit))
    return Answer({"acts": acts}, table(show_acts(acts), ACTS) if acts else ["nobody has done anything yet"])
