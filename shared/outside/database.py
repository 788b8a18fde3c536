"""PostgreSQL: connections that are reused and replaced, transactions, statements by name, errors translated once.

Statements go through pg8000's connection itself, not its cursor, so that BEGIN and COMMIT are ours (one round trip
each) and no module-wide parameter style has to be set.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any, Final

from pg8000.dbapi import Connection
from pg8000.exceptions import InterfaceError

from shared.errors import DatabaseUnavailable, Refused, RuleViolated
from shared.outside.driver_errors import get_reason, translate_errors
from shared.outside.statements import LOCKED, STATEMENTS, Statement, Statements
from shared.settings import DatabaseSettings

Row = dict[str, Any]

APPLICATION: Final = "micro_batch"
IDLE_CONNECTIONS_MAX: Final = 4
# What a statement costs must not grow with the history, whatever the statistics say: rows are found by an index, which
# gives a batch's rows as they lie (a bitmap of many rows forgets which they are), and nothing is compiled, which takes
# half a second where a plan only looks dear.
PLANS: Final = {"enable_seqscan": "off", "enable_bitmapscan": "off", "jit": "off"}
EXCLUSIVE_IDLE_MAX_S: Final = 300  # longer than any call to a peer; a frozen instance loses its lock after it


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


class Session(_ConnectionQueries):
    """A connection of one's own, for as long as an exclusive run lasts."""

    @contextmanager
    def transaction(self, *, lock_timeout_s: int | None = None) -> Iterator[Transaction]:
        """Open a transaction that commits at the end of the block, where wanted with a lock time-out of its own."""
        limit = "" if lock_timeout_s is None else f"; SET LOCAL lock_timeout = '{lock_timeout_s:d}s'"
        _run_simple(self._connection, "BEGIN" + limit)
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
                _discard(connection)
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
            _discard(connection)
            raise
        with suppress(DatabaseUnavailable), self._keep_or_discard(connection):  # a session that is lost holds no lock
            _run_simple(connection, f"SELECT pg_advisory_unlock({key:d}); {last}" if is_held else last)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            connections, self._idle = self._idle, []
        for connection in connections:
            _discard(connection)

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
                _limit_reads(connection, self._probe_timeout_s)
                context = first(connection)
            except DatabaseUnavailable:
                _discard(connection)
                self.close()
            except BaseException:
                _discard(connection)
                raise
            else:
                _limit_reads(connection, self._read_timeout_s)
                return connection, context
        connection = self._connect()
        try:
            return connection, first(connection)
        except BaseException:
            _discard(connection)
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
            _discard(connection)
            raise
        self._keep(connection)

    def _keep(self, connection: Connection) -> None:
        """Keep a connection for the next caller, unless enough of them lie idle."""
        with self._lock:
            keep = len(self._idle) < IDLE_CONNECTIONS_MAX
            if keep:
                self._idle.append(connection)
        if not keep:
            _discard(connection)


def open_database(settings: DatabaseSettings, statements: Statements = STATEMENTS) -> Database:
    """Return the database of these settings; nothing is connected yet."""
    return Database(
        partial(connect, settings),
        read_timeout_s=_read_timeout_s(settings),
        probe_timeout_s=settings.connect_timeout_s,
        statements=statements,
    )


def connect(settings: DatabaseSettings) -> Connection:
    """Open one connection in autocommit mode, with the time-outs set and UTC as its zone.

    Raises DatabaseUnavailable, whatever the driver, Google's API or the network made of it.
    """
    options = {
        "TimeZone": "UTC",
        "statement_timeout": f"{settings.statement_timeout_s}s",
        "lock_timeout": f"{settings.lock_timeout_s}s",
        "idle_in_transaction_session_timeout": f"{settings.statement_timeout_s}s",
        **PLANS,
        "tcp_keepalives_idle": "60",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }
    startup = {"options": " ".join(f"-c {key}={value}" for key, value in options.items())}
    open_connection = _connect_cloud_sql if settings.address.connection_name else _connect_tcp
    try:
        connection = open_connection(settings, startup)
    except Exception as error:  # the connector lets aiohttp's, google.auth's and its own errors through
        raise DatabaseUnavailable(f"PostgreSQL cannot be reached: {get_reason(error)}") from error
    connection.autocommit = True
    _limit_reads(connection, _read_timeout_s(settings))
    return connection


def _read_timeout_s(settings: DatabaseSettings) -> int:
    """The server's own statement timeout comes first; this one is for a network that swallows everything."""
    return settings.statement_timeout_s + settings.connect_timeout_s


def _limit_reads(connection: Connection, timeout_s: float) -> None:
    """Let the driver wait at most so long for the server; it has no setting for a socket that it was given."""
    with translate_errors("the setting of a time-out"):
        connection._usock.settimeout(timeout_s)  # noqa: SLF001


def _connect_tcp(settings: DatabaseSettings, startup: dict[str, str]) -> Connection:
    address = settings.address
    stream = socket.create_connection((address.host, address.port), settings.connect_timeout_s)
    try:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection = Connection(
            address.user,
            host=address.host,
            database=address.name,
            password=address.password,
            sock=stream,
            ssl_context=False if _is_loopback(stream) else _verifying_context(),
            application_name=APPLICATION,
            startup_params=startup,
        )
    except BaseException as error:
        stream.close()
        if str(error) == "Server refuses SSL":
            raise InterfaceError("the server offers no TLS, and no password goes to another host in clear") from error
        raise
    return connection


@cache
def _verifying_context() -> ssl.SSLContext:
    """Check the server's certificate and name; an authority of one's own is named in OpenSSL's SSL_CERT_FILE."""
    return ssl.create_default_context()


def _is_loopback(stream: socket.socket) -> bool:
    """Tell whether nothing leaves this machine, so that TLS would only cost."""
    peer = str(stream.getpeername()[0])
    return peer == "::1" or peer.startswith("127.")


def _connect_cloud_sql(settings: DatabaseSettings, startup: dict[str, str]) -> Connection:
    address = settings.address
    return _connector(settings.connect_timeout_s).connect(
        address.connection_name,
        "pg8000",
        user=address.user,
        password=address.password,
        db=address.name,
        ip_type=address.ip_type,
        enable_iam_auth=address.iam_login,
        application_name=APPLICATION,
        startup_params=startup,
    )


@cache
def _connector(timeout_s: int) -> Any:
    """One connector per process, made on first use: its thread does not survive gunicorn's fork."""
    from google.cloud.sql.connector import Connector

    return Connector(timeout=timeout_s, refresh_strategy="lazy")


def _run_statement(connection: Connection, statement: Statement, *, name: str, parameters: dict[str, Any]) -> Any:
    """Run a statement: one round trip where it has no parameters, three where it has."""
    text, to_values = statement
    values = to_values(parameters)
    with translate_errors(name):
        if not values:
            return connection.execute_simple(text)
        return connection.execute_unnamed(text, vals=values)


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


def _discard(connection: Connection) -> None:
    with suppress(Exception):  # whatever a broken stream makes of it, the error that broke it is the one to tell
        connection.close()
