"""The peers' own way to the database, apart from ours: a connection for each request."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pg8000.dbapi

CONNECT_TIMEOUT_S: Final = 5
DEPLOYED_SCHEMA: Final = Path(__file__).with_name("deployed_schema.sql")


def connect(url: str) -> Any:
    """A new connection to the database at *url*."""
    parts = urlsplit(url)
    return pg8000.dbapi.connect(
        unquote(parts.username or ""),
        host=parts.hostname or "",
        port=parts.port or 5432,
        password=unquote(parts.password or ""),
        database=unquote(parts.path.removeprefix("/")),
        timeout=CONNECT_TIMEOUT_S,
        ssl_context=False,  # loopback
    )


@contextlib.contextmanager
def database_connection(url: str) -> Iterator[Any]:
    """A connection for one request; what was not committed is undone."""
    connection = connect(url)
    try:
        yield connection
    finally:
        with contextlib.suppress(pg8000.dbapi.Error, OSError):
            connection.close()


def create_deployed_tables(url: str) -> None:
    """Make the tables as they stand before ours are installed, in an empty database."""
    with database_connection(url) as connection:
        connection.cursor().execute(DEPLOYED_SCHEMA.read_text())
        connection.commit()


def add_client(url: str, client_id: str, payout_threshold_usd: str) -> None:
    """Register a client, or change what must be owed before a payout."""
    with database_connection(url) as connection:
        connection.cursor().execute(
            "INSERT INTO main_clients_database (closed_channel_id, payout_threshold_usd)"
            " VALUES (%s, CAST(%s AS NUMERIC)) ON CONFLICT (closed_channel_id)"
            " DO UPDATE SET payout_threshold_usd = EXCLUDED.payout_threshold_usd",
            (client_id, payout_threshold_usd),
        )
        connection.commit()
