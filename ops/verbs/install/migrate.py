"""`migrate`: the database brought up to the migrations in ops/migrations."""

import dataclasses
from functools import partial
from typing import Any

import click
from pg8000.exceptions import DatabaseError

from ops.command_line.answers import Answer, answering, tell
from ops.command_line.database import database_settings
from ops.command_line.failures import Away, NotDone
from ops.command_line.text import instant
from ops.schema.migrate import STATEMENT_MAX_S, list_migrations, migrate
from ops.schema.migration_files import MigrationRefusedError
from ops.schema.migration_run import MigrationBusyError, MigrationFailedError, explain
from shared.outside import database


@click.command()
@click.option("--status", is_flag=True, help="List what is applied, change nothing.")
@answering
def command(*, status: bool) -> Answer:
    """Bring the database up to the migrations."""
    # The connection gives up a statement, and the socket under it, after this time.
    settings = dataclasses.replace(database_settings(), statement_timeout_s=STATEMENT_MAX_S)
    connect = partial(database.connect, settings)
    try:
        return _listed(list_migrations(connect)) if status else _applied(migrate(connect, say=tell))
    except (MigrationRefusedError, MigrationFailedError) as error:
        raise NotDone(str(error)) from error
    except DatabaseError as error:
        raise NotDone(explain(error)) from error
    except MigrationBusyError as error:
        raise Away(str(error)) from error


def _applied(titles: list[str]) -> Answer:
    said = f"{len(titles)} applied" if titles else "nothing to apply: up to date"
    return Answer({"applied": titles}, [said])


def _listed(migrations: dict[str, Any]) -> Answer:
    whens = {title: f"applied {instant(when)}" if when else "not applied yet" for title, when in migrations.items()}
    facts = [{"migration": title, "applied_at": when} for title, when in migrations.items()]
    return Answer({"migrations": facts}, [f"{title:<40} {when}" for title, when in whens.items()])
