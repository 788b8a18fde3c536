"""`status`: how things stand, on one screen."""

import time
from contextlib import suppress
from datetime import UTC, datetime

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.exits import Exit
from ops.command_line.failures import explain
from ops.command_line.moments import Seconds
from ops.situation.needs import find_needs
from ops.situation.reading import read_situation
from ops.situation.words import situation_document, situation_lines
from shared.errors import DatabaseUnavailable
from shared.outside.database import Database


@click.command()
@click.option("--watch", is_flag=True, help="Look again and again until Ctrl-C.")
@click.option("--every", "every_s", type=Seconds(0.2, 3600), default=5, show_default=True, help="Seconds.")
@click.option("--check", is_flag=True, help="Exit 1 if a person is needed (for cron).")
@answering
def command(*, watch: bool, every_s: float, check: bool) -> Answer:
    """Show how things stand, and whether a person is needed."""
    with opened_database() as database:
        if watch:
            _watch(database, every_s)
        return _read(database, check=check)


def _watch(database: Database, every_s: float) -> None:
    """Draw the screen again and again; a database that is away for a while is said in its place."""
    with suppress(KeyboardInterrupt):
        while True:
            try:
                lines = _read(database, check=False).lines
            except DatabaseUnavailable as error:
                failure = explain(error)
                if failure.exit == Exit.REFUSED:
                    raise  # nobody who may: that does not pass
                lines = [failure.message]
            click.clear()
            click.echo("\n".join(lines))
            time.sleep(every_s)


def _read(database: Database, *, check: bool) -> Answer:
    now = datetime.now(UTC)
    with database.transaction() as transaction:
        situation = read_situation(transaction, now)
    needs = find_needs(situation)
    code = Exit.REFUSED if check and needs else Exit.DONE
    return Answer(situation_document(situation, needs), situation_lines(situation, needs), code)
