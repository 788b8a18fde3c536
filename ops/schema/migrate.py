"""Brings a database up to the migrations in ops/migrations: `./microbatch migrate`.

Each file runs in one transaction together with its row in schema_migrations; a file whose first line
says so runs statement by statement, or in small steps through a table, and can be repeated. Two runs
at once wait for each other, and the second finds the work done.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path

from pg8000.dbapi import Connection
from pg8000.exceptions import DatabaseError

from ops.schema.migration_files import FOLDER, Migration, MigrationRefusedError, read_migrations
from ops.schema.migration_run import (
    LOST,
    MigrationBusyError,
    Patience,
    apply,
    execute,
)
from ops.schema.preflight.examination import examine
from ops.schema.preflight.finding import Finding, PreflightStopped
from ops.schema.preflight.names import examine_versions
from ops.schema.preflight.place import settle_schema
from shared.errors import DatabaseUnavailable

# One runner at a time. Every program that takes advisory locks in this database needs its own key.
RUNNER_LOCK_KEY = int.from_bytes(b"migrate\0")

DEFAULT_PATIENCE = Patience()
STATEMENT_MAX_S = 4 * 60 * 60


@dataclass(frozen=True)
class Applied:
    """One row of schema_migrations."""

    version: int
    name: str
    checksum: str
    applied_at: datetime


def migrate(
    connect: Callable[[], Connection],
    *,
    folder: Path = FOLDER,
    patience: Patience = DEFAULT_PATIENCE,
    say: Callable[[str], None] | None = None,
) -> list[str]:
    """Apply what is missing, in order, and return the titles of what was applied now.

    Raises MigrationRefusedError, MigrationFailedError, MigrationBusyError or DatabaseUnavailable;
    after each of them the same run can be repeated.
    """
    migrations, tell = read_migrations(folder), say or (lambda _: None)
    with _session(connect) as connection, _only_runner(connection, patience):
        missing, findings = _look(connection, migrations)
        if any(finding.stops for finding in findings):
            raise PreflightStopped(findings)
        for line in (line for finding in findings for line in finding.lines):
            tell(line)
        execute(
            connection,
            "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY,"
            " name TEXT NOT NULL, checksum TEXT NOT NULL,"
            " applied_at TIMESTAMPTZ NOT NULL DEFAULT CLOCK_TIMESTAMP())",
        )
        for migration in missing:
            tell(f"applying {migration.title}")
            apply(connection, migration, patience)
    return [migration.title for migration in missing]


def check(connect: Callable[[], Connection], *, folder: Path = FOLDER) -> tuple[list[str], list[Finding]]:
    """Return what migrate() would apply and what it would say, in a session that cannot change anything."""
    with _session(connect) as connection:
        execute(connection, "SET default_transaction_read_only = on")
        missing, findings = _look(connection, read_migrations(folder))
    return [migration.title for migration in missing], findings


def _look(connection: Connection, migrations: list[Migration]) -> tuple[list[Migration], list[Finding]]:
    """What is missing, and what the preflight finds; the session works in the tables' schema from now on."""
    settle_schema(connection)
    if taken := examine_versions(connection):
        return migrations, taken
    applied = applied_migrations(connection)
    missing = pending_migrations(migrations, applied)
    return missing, examine(connection, missing, first=not applied) if missing else []


def applied_migrations(connection: Connection) -> list[Applied]:
    """What the database says was applied, oldest first; nothing when it was never migrated."""
    if execute(connection, "SELECT TO_REGCLASS('schema_migrations')::TEXT")[0][0] is None:
        return []
    rows = execute(
        connection,
        "SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version",
    )
    return [Applied(*row) for row in rows]


def pending_migrations(migrations: list[Migration], applied: list[Applied]) -> list[Migration]:
    """The files still to be applied; refused when the applied ones are not the files' beginning."""
    if applied and applied[-1].version > len(migrations):
        raise MigrationRefusedError(
            f"the database is at version {applied[-1].version:04d}, newer than these files, which "
            f"end at {len(migrations):04d}: use the release that migrated it"
        )
    for expected, row in enumerate(applied, start=1):
        if row.version != expected:
            raise MigrationRefusedError(
                f"schema_migrations lacks version {expected:04d} but has {row.version:04d}: "
                "find out who changed it before going on"
            )
        migration = migrations[row.version - 1]
        if (row.name, row.checksum) != (migration.name, migration.checksum):
            raise MigrationRefusedError(
                f"{migration.title}.sql is not what was applied as {row.version:04d}_{row.name} "
                f"at {row.applied_at:%Y-%m-%d %H:%M:%S %Z}: restore that file and put the change "
                "into a new migration"
            )
    return migrations[len(applied) :]


@contextlib.contextmanager
def _session(connect: Callable[[], Connection]) -> Iterator[Connection]:
    """A connection that begins no transaction by itself; its end frees what it has locked."""
    connection = connect()
    try:
        connection.autocommit = True
        # An index or a validation over a large table takes its time.
        execute(connection, f"SET statement_timeout = '{STATEMENT_MAX_S}s'")
        execute(connection, "SET application_name = 'ops.migrate'")
        yield connection
    finally:
        with contextlib.suppress(*LOST):
            connection.close()


@contextlib.contextmanager
def _only_runner(connection: Connection, patience: Patience) -> Iterator[None]:
    """Hold the runners' lock.

    Polled, because a runner blocked inside SELECT pg_advisory_lock() holds a snapshot, which the
    other's CREATE INDEX CONCURRENTLY would wait for: a deadlock.
    """
    deadline = time.monotonic() + patience.runner_wait_s
    while not execute(connection, f"SELECT PG_TRY_ADVISORY_LOCK({RUNNER_LOCK_KEY})")[0][0]:
        if time.monotonic() >= deadline:
            raise MigrationBusyError(
                f"another migration run has not ended within {patience.runner_wait_s:g} s; "
                "it is the session named ops.migrate in pg_stat_activity"
            )
        time.sleep(patience.runner_poll_s)
    try:
        yield
    finally:
        with contextlib.suppress(DatabaseError, DatabaseUnavailable):
            execute(connection, f"SELECT PG_ADVISORY_UNLOCK({RUNNER_LOCK_KEY})")


def list_migrations(connect: Callable[[], Connection]) -> dict[str, datetime | None]:
    """Every migration's title with when it was applied, None where it was not; changes nothing."""
    migrations = read_migrations()
    with _session(connect) as connection:
        settle_schema(connection)
        applied = applied_migrations(connection)
    pending_migrations(migrations, applied)
    pairs = zip_longest(migrations, applied)
    return {migration.title: row.applied_at if row else None for migration, row in pairs}
