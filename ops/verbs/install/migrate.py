"""`migrate`: the database brought up to the migrations in ops/migrations."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import click
from pg8000.dbapi import Connection
from pg8000.exceptions import DatabaseError

from ops.command_line.answers import Answer, answering, tell
from ops.command_line.database import database_settings
from ops.command_line.exits import Exit
from ops.command_line.failures import Away, NotDone
from ops.command_line.text import count, instant
from ops.schema.migrate import STATEMENT_MAX_S, check, list_migrations, migrate
from ops.schema.migration_files import MigrationRefusedError
from ops.schema.migration_run import MigrationBusyError, MigrationFailedError, explain
from ops.schema.preflight.finding import Finding, PreflightStopped
from ops.schema.rights import grant_rights
from shared.outside.connection import connect


@click.command()
@click.option("--status", is_flag=True, help="List what is applied, change nothing.")
@click.option("--check", "only_check", is_flag=True, help="Say what stands in the way and what is odd, change nothing.")
@click.option(
    "--grant", "roles", multiple=True, metavar="USER", help="Afterwards grant the functions' user what it needs."
)
@answering
def command(*, status: bool, only_check: bool, roles: tuple[str, ...]) -> Answer:
    """Bring the database up to the migrations."""
    return bring_up_to_date(status=status, only_check=only_check, roles=roles)


def bring_up_to_date(*, status: bool = False, only_check: bool = False, roles: Sequence[str] = ()) -> Answer:
    """Migrate, or only look: raises NotDone where something stands in the way, Away where somebody else is at it."""
    # The connection gives up a statement, and the socket under it, after this time.
    settings = database_settings()._replace(statement_timeout_s=STATEMENT_MAX_S)
    open_connection = partial(connect, settings)
    try:
        if status:
            return _listed(list_migrations(open_connection))
        if only_check:
            return _checked(*check(open_connection))
        return _applied(migrate(open_connection, say=tell), _granted(open_connection, roles))
    except PreflightStopped as stopped:
        return _checked([], stopped.findings)
    except (MigrationRefusedError, MigrationFailedError) as error:
        raise NotDone(str(error)) from error
    except DatabaseError as error:
        raise NotDone(explain(error)) from error
    except MigrationBusyError as error:
        raise Away(str(error)) from error


def _checked(missing: list[str], findings: list[Finding]) -> Answer:
    """What the preflight found; refused where something stops the migration."""
    stops = any(finding.stops for finding in findings)
    told = [line for finding in findings for line in finding.lines]
    end = "nothing was changed, and nothing is until what STOPS is mended" if stops else _outlook(missing)
    document = {"missing": missing, "stops": stops, "findings": [finding.document for finding in findings]}
    return Answer(document, [*told, end], Exit.REFUSED if stops else Exit.DONE)


def _outlook(missing: list[str]) -> str:
    return f"nothing stands in the way of {count(len(missing), 'migration')}" if missing else "up to date"


def _granted(connect: Callable[[], Connection], roles: Sequence[str]) -> list[str]:
    if not roles:
        return []
    with closing(connect()) as connection:
        return grant_rights(connection, roles)


def _applied(titles: list[str], granted: list[str]) -> Answer:
    said = f"{len(titles)} applied" if titles else "nothing to apply: up to date"
    return Answer({"applied": titles, "granted": granted}, [said, *granted])


def _listed(migrations: dict[str, Any]) -> Answer:
    whens = {title: f"applied {instant(when)}" if when else "not applied yet" for title, when in migrations.items()}
    facts = [{"migration": title, "applied_at": when} for title, when in migrations.items()]
    return Answer({"migrations": facts}, [f"{title:<40} {when}" for title, when in whens.items()])
