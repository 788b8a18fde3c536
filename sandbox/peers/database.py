"""The peers' own way to the database, apart from ours: a connection for each request."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pg8000.dbapi

from sandbox.postgres.session import open_session

CONNECT_TIMEOUT_S: Final = 5
DEPLOYED_SCHEMA: Final = Path(__file__).with_name("deployed_schema.sql")


@contextlib.contextmanager
def database_connection(url: str) -> Iterator[Any]:
    """A connection for one request; what was not committed is undone."""
    connection = open_session(url, autocommit=False, timeout_s=CONNECT_TIMEOUT_S)
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
