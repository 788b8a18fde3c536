"""Runs one migration on a database that other services are writing to.

No lock is waited for longer than a moment, since writers queue behind a waiting ALTER TABLE; a
busy table is tried again, a written number of times.
"""

import contextlib
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from pg8000.dbapi import Connection
from pg8000.exceptions import DatabaseError, InterfaceError

from ops.schema.migration_files import Kind, Migration, concurrent_index
from ops.schema.sql_text import Statement
from shared.errors import DatabaseUnavailable

LOCK_NOT_AVAILABLE, DEADLOCK, SERIALIZATION_FAILURE = "55P03", "40P01", "40001"
MAY_HEAL = {LOCK_NOT_AVAILABLE, DEADLOCK, SERIALIZATION_FAILURE}
SESSION_ENDED = ("08", "57P")
"""How the SQLSTATEs begin with which the server says goodbye: shutdown, crash, terminated."""
LOST = (InterfaceError, OSError, struct.error, AttributeError, IndexError)
"""What the driver raises when the stream to the server is cut."""


class MigrationFailedError(Exception):
    """The database refused a statement; what ran in the same transaction is undone."""


class MigrationBusyError(Exception):
    """Others held the runner's lock or a table for too long; nothing is broken, run it again."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for others."""

    runner_wait_s: float = 900
    """For another runner to finish; an index on a large table takes minutes."""
    runner_poll_s: float = 0.5
    lock_timeout_ms: int = 500
    """For a lock that makes writers queue; below PostgreSQL's deadlock_timeout of 1 s, so that in a
    deadlock it is the migration that gives way and not a writer."""
    build_lock_timeout_ms: int = 600_000
    """For older transactions during CONCURRENTLY, which holds up nobody."""
    step_rows: int = 2000
    """In one transaction of an in-steps file; what it changes, writers wait for."""
    attempts_max: int = 30
    pause_s: float = 0.5
    """Between attempts at first; grows by itself with each, up to *pause_max_s*."""
    pause_max_s: float = 5.0


def apply(connection: Connection, migration: Migration, patience: Patience) -> None:
    """Run *migration* and record it.

    *connection* is in autocommit. Raises MigrationFailedError, MigrationBusyError or
    DatabaseUnavailable.
    """
    match migration.kind:
        case Kind.TRANSACTION:
            _patiently(patience, migration, partial(_run, connection, migration, patience))
        case Kind.NO_TRANSACTION:
            _run_without_transaction(connection, migration, patience)
        case Kind.IN_STEPS:
            _run_in_steps(connection, migration, patience)


def execute(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    """Run *sql* as it stands: no parameters, so that %, : and $ in a migration mean themselves.

    Raises pg8000's DatabaseError when the server refuses it, DatabaseUnavailable when it is gone.
    """
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
    except DatabaseError as error:
        if _sqlstate(error).startswith(SESSION_ENDED):
            raise DatabaseUnavailable(f"the database ended the session: {explain(error)}") from error
        raise
    except LOST as error:
        raise DatabaseUnavailable(f"the connection to the database was lost: {error}") from error
    return list(cursor.fetchall()) if cursor.description else []


def explain(error: DatabaseError) -> str:
    """The server's own words: message, detail and hint, with the SQLSTATE."""
    fields = _fields(error)
    text = "; ".join(fields[key] for key in ("M", "D", "H") if key in fields)
    return f"{text or error} (SQLSTATE {_sqlstate(error)})"


def _run(connection: Connection, migration: Migration, patience: Patience) -> None:
    """All of the file and its version row, or nothing."""
    execute(connection, "BEGIN")
    try:
        execute(connection, f"SET LOCAL lock_timeout = {patience.lock_timeout_ms}")
        for statement in migration.statements:
            _run_statement(connection, migration, statement)
        _record(connection, migration)
        execute(connection, "COMMIT")
    except BaseException:
        with contextlib.suppress(DatabaseError, DatabaseUnavailable):
            execute(connection, "ROLLBACK")
        raise


def _run_without_transaction(connection: Connection, migration: Migration, patience: Patience) -> None:
    """Each statement by itself; an interrupted run is repeated from the file's beginning."""
    execute(connection, f"SET lock_timeout = {patience.build_lock_timeout_ms}")
    for statement in migration.statements:
        _patiently(
            patience,
            migration,
            partial(_run_repeatably, connection, migration, statement),
        )
    _record(connection, migration)


def _run_in_steps(connection: Connection, migration: Migration, patience: Patience) -> None:
    """All rows that the table has, a few at a time; what others held is tried again, a written number of times.

    An interrupted run is repeated from the beginning, where there is nothing left to do.
    """
    execute(connection, f"SET lock_timeout = {patience.lock_timeout_ms}")
    steps = list(_steps(connection, migration, patience))
    for attempt in range(1, patience.attempts_max + 1):
        steps = [step for step in steps if _leaves_rows(connection, migration, patience, step)]
        if not steps:
            return _record(connection, migration)
        if attempt < patience.attempts_max:
            time.sleep(min(patience.pause_s * attempt, patience.pause_max_s))
    raise MigrationBusyError(
        f"{migration.title}: rows of {migration.stepped_table} between id {steps[0][0] + 1} and {steps[-1][1]} stayed "
        f"locked through {patience.attempts_max} attempts; look in pg_stat_activity for a long transaction"
    )


def _steps(connection: Connection, migration: Migration, patience: Patience) -> Iterator[tuple[int, int]]:
    """The bounds of each step, by id: above the first, up to the second."""
    table = migration.stepped_table  # the reader of the files lets only lower-case letters and underscores through
    ((first, last),) = execute(connection, f"SELECT MIN(id) - 1, MAX(id) FROM {table}")  # noqa: S608
    while first is not None and first < last:
        rows = execute(
            connection,
            f"SELECT id FROM {table} WHERE id > {first} ORDER BY id OFFSET {patience.step_rows - 1} LIMIT 1",  # noqa: S608
        )
        upto = min(rows[0][0], last) if rows else last
        yield first, upto
        first = upto


def _leaves_rows(connection: Connection, migration: Migration, patience: Patience, step: tuple[int, int]) -> bool:
    """Run one step; tell whether rows were left because others hold them."""
    (statement,) = migration.statements
    text = statement.text.replace("$1", str(step[0])).replace("$2", str(step[1]))
    left: list[int] = []

    def run() -> None:
        ((_, left_over),) = _run_statement(connection, migration, Statement(statement.line, text))
        left.append(left_over)

    _patiently(patience, migration, run)
    return left[-1] > 0


def _run_repeatably(connection: Connection, migration: Migration, statement: Statement) -> None:
    """Run *statement*, first clearing away the invalid index that a broken build has left.

    IF NOT EXISTS alone would take such an index, which no query uses, for the finished one.
    """
    index = concurrent_index(statement)
    if index is None:
        _run_statement(connection, migration, statement)
        return
    _drop_if_invalid(connection, index)
    try:
        _run_statement(connection, migration, statement)
    except (DatabaseError, MigrationFailedError):
        # What is left of a failed build serves no query, yet every writer pays for it.
        with contextlib.suppress(DatabaseError):
            _drop_if_invalid(connection, index)
        raise


def _drop_if_invalid(connection: Connection, name: str) -> None:
    # The reader of the files lets only word characters and dots through in *name*.
    rows = execute(
        connection,
        "SELECT indexrelid::REGCLASS::TEXT FROM pg_index"  # noqa: S608
        f" WHERE indexrelid = TO_REGCLASS('{name}') AND NOT indisvalid",
    )
    for (quoted_name,) in rows:
        execute(connection, f"DROP INDEX CONCURRENTLY IF EXISTS {quoted_name}")


def _patiently(patience: Patience, migration: Migration, run: Callable[[], None]) -> None:
    """Call *run* until no lock is in its way, at most patience.attempts_max times."""
    for attempt in range(1, patience.attempts_max + 1):
        try:
            return run()
        except DatabaseError as error:
            if _sqlstate(error) not in MAY_HEAL:
                raise
            if attempt == patience.attempts_max:
                raise MigrationBusyError(
                    f"{migration.title}: a table stayed locked through {attempt} attempts "
                    f"({explain(error)}); look in pg_stat_activity for a long transaction"
                ) from error
        # Time for the writers that queued behind the attempt.
        time.sleep(min(patience.pause_s * attempt, patience.pause_max_s))
    return None


def _run_statement(connection: Connection, migration: Migration, statement: Statement) -> list[tuple[Any, ...]]:
    try:
        return execute(connection, statement.text)
    except DatabaseError as error:
        if _sqlstate(error) in MAY_HEAL:
            raise
        raise MigrationFailedError(f"{migration.title}.sql line {statement.line}: {explain(error)}") from error


def _record(connection: Connection, migration: Migration) -> None:
    # The reader of the files lets only digits, lower-case letters and underscores through.
    execute(
        connection,
        "INSERT INTO schema_migrations (version, name, checksum)"  # noqa: S608
        f" VALUES ({migration.version}, '{migration.name}', '{migration.checksum}')",
    )


def _sqlstate(error: DatabaseError) -> str:
    return _fields(error).get("C", "unknown")


def _fields(error: DatabaseError) -> dict[str, str]:
    """What the server said, by the protocol's letters; empty for an error of the driver's own."""
    said = error.args[0] if error.args else None
    return said if isinstance(said, dict) else {}
