"""Sessions with the database of those who stand beside our code: the peers, a demo, a test."""

from typing import Any
from urllib.parse import unquote, urlsplit

import pg8000.dbapi
from pg8000.dbapi import Connection


def open_session(url: str, *, autocommit: bool = True, timeout_s: float | None = None) -> Connection:
    """A plain session with the database at *url*, which is on this machine."""
    parts = urlsplit(url)
    connection = pg8000.dbapi.connect(
        unquote(parts.username or ""),
        host=parts.hostname or "",
        port=parts.port or 5432,
        database=unquote(parts.path.removeprefix("/")),
        password=unquote(parts.password or ""),
        timeout=timeout_s,
        ssl_context=False,
    )
    connection.autocommit = autocommit
    return connection


def run_sql(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    """Run *sql*, which may be several statements, and return the rows of the last."""
    cursor = connection.cursor()
    cursor.execute(sql)
    return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run *sql* in a session of its own and return the rows of the last statement."""
    connection = open_session(url)
    try:
        return run_sql(connection, sql)
    finally:
        connection.close()
