"""A connection to PostgreSQL: made within one deadline, inside TLS unless it stays on this machine; and its end."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any, Final

from pg8000.dbapi import Connection
from pg8000.exceptions import InterfaceError

from shared.errors import DatabaseUnavailable
from shared.outside.driver_errors import get_reason, translate_errors
from shared.outside.timed_calls import Deadline, TimedCalls
from shared.settings import DatabaseAddress, DatabaseSettings

APPLICATION: Final = "micro_batch"
# What a statement costs must not grow with the history, whatever the statistics say: rows are found by an index, which
# gives a batch's rows as they lie (a bitmap of many rows forgets which they are), and nothing is compiled, which takes
# half a second where a plan only looks dear.
PLANS: Final = {"enable_seqscan": "off", "enable_bitmapscan": "off", "jit": "off"}

_CLOUD_SQL_CALLS: Final = TimedCalls()


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
    limit_reads(connection, get_read_timeout_s(settings))
    return connection


def get_read_timeout_s(settings: DatabaseSettings) -> int:
    """The server's own statement timeout comes first; this one is for a network that swallows everything."""
    return settings.statement_timeout_s + settings.connect_timeout_s


def limit_reads(connection: Connection, timeout_s: float) -> None:
    """Let the driver wait at most so long for each read; it has no setting for a socket that it was given."""
    with translate_errors("the setting of a time-out"):
        connection._usock.settimeout(timeout_s)  # noqa: SLF001


def _connect_tcp(settings: DatabaseSettings, startup: dict[str, str]) -> Connection:
    """Connect within one deadline: the socket's own time-out begins anew with every byte that a server drips."""
    deadline = Deadline(settings.connect_timeout_s)
    stream = _reach(settings.address, deadline)
    try:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with _ended_at(deadline, stream):
            return _shake_hands(stream, settings.address, startup)
    except BaseException:
        stream.close()
        raise


def _reach(address: DatabaseAddress, deadline: Deadline) -> socket.socket:
    """Connect to the first of a host's addresses that answers."""
    failed: OSError | None = None
    for *_, found in socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM):
        try:
            return socket.create_connection((str(found[0]), address.port), deadline.get_left_s())
        except OSError as error:
            failed = failed or error
    raise failed or OSError(f"{address.host} has no address")


@contextmanager
def _ended_at(deadline: Deadline, stream: socket.socket) -> Iterator[None]:
    """Cut a connection that the block is still at when the deadline passes, whatever is being read from it."""
    with stream.dup() as same:  # TLS takes the stream itself away
        knife = threading.Timer(deadline.get_left_s(), _cut, (same,))
        knife.daemon = True
        knife.start()
        try:
            yield
        except Exception:
            deadline.get_left_s()  # which is why, where nothing is left
            raise
        finally:
            knife.cancel()
            knife.join()


def _cut(stream: socket.socket) -> None:
    with suppress(OSError):  # it is gone already
        stream.shutdown(socket.SHUT_RDWR)


def _shake_hands(stream: socket.socket, address: DatabaseAddress, startup: dict[str, str]) -> Connection:
    try:
        return Connection(
            address.user,
            host=address.host,
            database=address.name,
            password=address.password,
            sock=stream,
            ssl_context=False if _is_loopback(stream) else _verifying_context(),
            application_name=APPLICATION,
            startup_params=startup,
        )
    except InterfaceError as error:
        if str(error) == "Server refuses SSL":
            raise InterfaceError("the server offers no TLS, and no password goes to another host in clear") from error
        raise


@cache
def _verifying_context() -> ssl.SSLContext:
    """Check the server's certificate and name; an authority of one's own is named in OpenSSL's SSL_CERT_FILE."""
    return ssl.create_default_context()


def _is_loopback(stream: socket.socket) -> bool:
    """Tell whether nothing leaves this machine, so that TLS would only cost."""
    peer = str(stream.getpeername()[0])
    return peer == "::1" or peer.startswith("127.")


def _connect_cloud_sql(settings: DatabaseSettings, startup: dict[str, str]) -> Connection:
    """Connect through Google's connector, which bounds its own questions and not the handshake after them."""
    address = settings.address
    call = partial(
        _connector(settings.connect_timeout_s).connect,
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
    connection: Connection = _CLOUD_SQL_CALLS.run(settings.connect_timeout_s, call, too_late=discard)
    return connection


@cache
def _connector(timeout_s: int) -> Any:
    """One connector per process, made on first use: its thread does not survive gunicorn's fork."""
    from google.cloud.sql.connector import Connector

    return Connector(timeout=timeout_s, refresh_strategy="lazy")


def discard(connection: Connection) -> None:
    """Close a connection, in whatever state it is."""
    with suppress(Exception):  # whatever a broken stream makes of it, the error that broke it is the one to tell
        connection.close()
