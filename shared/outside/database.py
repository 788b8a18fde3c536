"""PostgreSQL: connections that are reused and replaced, transactions, statements by name, errors translated once.

Statements go through pg8000's connection itself, not its cursor, so that BEGIN and COMMIT are ours (one round trip
each) and no module-wide parameter style has to be set.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from pg8000.dbapi import Connection

from shared.errors import DatabaseUnavailable, Refused, RuleViolated
from shared.outside.connection import connect, discard, get_read_timeout_s, limit_reads
from shared.outside.driver_errors import translate_errors
from shared.outside.statements import LOCKED, STATEMENTS, Statement, Statements
from shared.settings import DatabaseSettings

Row = dict[str, Any]

IDLE_CONNECTIONS_MAX: Final = 4
EXCLUSIVE_IDLE_MAX_S: Final = 300  # longer than any call to a peer; a frozen instance loses its lock after it

# While ours waits for one payment it holds all that it has written of a batch, and whoever wants one of those waits as
# well. Far below PostgreSQL's deadlock_timeout of 1 s, so that in a deadlock it is not the others who fail:
# GCBatchProcessor pays again what it could not mark. And an instance that stands still in the middle lets go soon.
GIVE_WAY_LIMITS: Final = {"lock_timeout": "100ms", "idle_in_transaction_session_timeout": "10s"}


class Queries:
    """Named statements; who runs them says on which connection, and what of them is kept."""

    def rows(self, name: str, **parameters: Any) -> list[Row]:
        """Run a statement and return its rows as dicts by column name."""
        context = self._run(name, parameters)
        names = [column["name"] for column in context.columns or ()]
        return [dict(zip(names, row, strict=True)) for row in context.rows or ()]

    def row(self, name: str, **parameters: Any) -> Row | None:
        """Run a statement and return its first row, or None."""
        return next(iter(self.rows(name, **parameters)), None)

    def execute(self, name: str, **parameters: Any) -> int:
        """Run a statement and return how many rows it wrote."""
        return int(self._run(name, parameters).row_count)

    def _run(self, name: str, parameters: dict[str, Any]) -> Any:
        raise NotImplementedError


class _ConnectionQueries(Queries):
    """Runs statements on one connection; by themselves each is a transaction of its own."""

    def __init__(self, connection: Connection, statements: Statements = STATEMENTS) -> None:
        self._connection = connection
        self._statements = statements

    def _run(self, name: str, parameters: dict[str, Any]) -> Any:
        return _run_statement(self._connection, self._statements.ready(name), name=name, parameters=parameters)


class Transaction(_ConnectionQueries):
    """Runs named statements inside one transaction."""

    def lock_row(self, name: str, **parameters: Any) -> Row | None:
        """Run a reading statement and hold the row that it finds until the transaction ends; None where none is."""
        return self.row(f"{name}{LOCKED}", **parameters)

    def give_way(self) -> None:
        """Hold up as little as can be whoever wants the rows that are written from here on."""
        _run_simple(self._connection, _give_way())


class Session(_ConnectionQueries):
    """A connection of one's own, for as long as an exclusive run lasts."""

    @contextmanager
    def transaction(self, *, gives_way: bool = False) -> Iterator[Transaction]:
        """Open a transaction that commits at the end of the block, where wanted one that gives way from the first."""
        _run_simple(self._connection, f"BEGIN; {_give_way()}" if gives_way else "BEGIN")
        with _commit_or_roll_back(self._connection):
            yield Transaction(self._connection, self._statements)


class Database(Queries):
    """Hands out transactions; safe for threads, each of which gets a connection of its own.

    A statement run on it directly may run twice where a connection breaks: for reads, and writes that do no more twice.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        read_timeout_s: float,
        probe_timeout_s: float,
        statements: Statements = STATEMENTS,
    ) -> None:
        self._connect = connect
        self._statements = statements
        self._read_timeout_s = read_timeout_s
        self._probe_timeout_s = probe_timeout_s
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction that commits at the end of the block and rolls back if the block raises.

        Raises DatabaseUnavailable (also when it is unknown whether the commit arrived) or RuleViolated.
        """
        connection, _ = self._begin(partial(_run_simple, text="BEGIN"))
        try:
            yield Transaction(connection, self._statements)
            _run_simple(connection, "COMMIT")
        except BaseException as error:
            if _roll_back(connection) and isinstance(error, Refused):  # by us: nothing is wrong with the connection
                self._keep(connection)
            else:
                discard(connection)
            raise
        self._keep(connection)

    @contextmanager
    def exclusive(self, key: int) -> Iterator[Session | None]:
        """Hold the advisory lock *key* for the block, or yield None while another session has it.

        The lock is the session's: it ends with the process, and the server ends the session of an instance that was
        frozen for EXCLUSIVE_IDLE_MAX_S.
        """
        first = f"SET idle_session_timeout = '{EXCLUSIVE_IDLE_MAX_S}s'"
        connection, _ = self._begin(partial(_run_simple, text=first))
        last = "RESET idle_session_timeout"
        try:
            is_held = _run_simple(connection, f"SELECT pg_try_advisory_lock({key:d})").rows[0][0]
            yield Session(connection, self._statements) if is_held else None
        except BaseException:
            discard(connection)
            raise
        with suppress(DatabaseUnavailable), self._keep_or_discard(connection):  # a session that is lost holds no lock
            _run_simple(connection, f"SELECT pg_advisory_unlock({key:d}); {last}" if is_held else last)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            connections, self._idle = self._idle, []
        for connection in connections:
            discard(connection)

    def _run(self, name: str, parameters: dict[str, Any]) -> Any:
        statement = self._statements.ready(name)
        connection, context = self._begin(
            partial(_run_statement, statement=statement, name=name, parameters=parameters)
        )
        self._keep(connection)
        return context

    def _begin(self, first: Callable[[Connection], Any]) -> tuple[Connection, Any]:
        """Do the first thing on an idle connection, or on a new one if that one turns out to be dead.

        Whatever ended one idle connection has most likely ended the others too, and each could cost a time-out.
        """
        while connection := self._take_idle():
            try:
                limit_reads(connection, self._probe_timeout_s)
                context = first(connection)
            except DatabaseUnavailable:
                discard(connection)
                self.close()
            except BaseException:
                discard(connection)
                raise
            else:
                limit_reads(connection, self._read_timeout_s)
                return connection, context
        connection = self._connect()
        try:
            return connection, first(connection)
        except BaseException:
            discard(connection)
            raise

    def _take_idle(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    @contextmanager
    def _keep_or_discard(self, connection: Connection) -> Iterator[None]:
        """Keep a connection for the next caller, unless the block failed: then nothing is known of its state."""
        try:
            yield
        except BaseException:
            discard(connection)
            raise
        self._keep(connection)

    def _keep(self, connection: Connection) -> None:
        """Keep a connection for the next caller, unless enough of them lie idle."""
        with self._lock:
            keep = len(self._idle) < IDLE_CONNECTIONS_MAX
            if keep:
                self._idle.append(connection)
        if not keep:
            discard(connection)


def open_database(settings: DatabaseSettings, statements: Statements = STATEMENTS) -> Database:
    """Return the database of these settings; nothing is connected yet."""
    return Database(
        partial(connect, settings),
        read_timeout_s=get_read_timeout_s(settings),
        probe_timeout_s=settings.connect_timeout_s,
        statements=statements,
    )


def _run_statement(connection: Connection, statement: Statement, *, name: str, parameters: dict[str, Any]) -> Any:
    """Run a statement: one round trip where it has no parameters, three where it has."""
    text, to_values = statement
    values = to_values(parameters)
    with translate_errors(name):
        if not values:
            return connection.execute_simple(text)
        return connection.execute_unnamed(text, vals=values)


def _give_way() -> str:
    return "; ".join(f"SET LOCAL {name} = '{limit}'" for name, limit in GIVE_WAY_LIMITS.items())


def _run_simple(connection: Connection, text: str) -> Any:
    with translate_errors(text.partition(" ")[0]):
        return connection.execute_simple(text)


@contextmanager
def _commit_or_roll_back(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _roll_back(connection)
        raise
    _run_simple(connection, "COMMIT")


def _roll_back(connection: Connection) -> bool:
    """End a transaction as if it had not been; False where the server did not say that it is ended."""
    try:
        _run_simple(connection, "ROLLBACK")
    except (DatabaseUnavailable, RuleViolated):
        return False
    return True
