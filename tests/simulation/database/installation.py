"""The tables as they are deployed, with ours installed in them: beside the old service's rows, or where none are.

Copies of all rows are kept on shelves in the same server, so that a history begins, and a backup is put back, in one
round trip. The columns whose times the database gives by itself follow the played clock.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pg8000.native import literal

from ops.schema.migrate import migrate
from sandbox.peers.database import create_deployed_tables
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import open_session, query

if TYPE_CHECKING:
    from tests.simulation.world.observer import Observer

OLD_ROWS: Final = (Path(__file__).parent / "old_service.sql").read_text(encoding="utf-8")
MOVED_IN: Final = "moved_in"
EMPTY: Final = "empty"
KEPT: Final = "schema_migrations"  # what only migrations write
CLOCK: Final = """
    CREATE SCHEMA shelf;
    CREATE TABLE shelf.clock AS SELECT TIMESTAMPTZ '2026-01-01 00:00Z' AS instant;
    CREATE FUNCTION shelf.now() RETURNS TIMESTAMPTZ LANGUAGE sql STABLE AS 'SELECT instant FROM shelf.clock';
    """
TIMES: Final = """
    SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'public' AND column_default ~* 'timestamp'"""
TABLES: Final = """
    SELECT quote_ident(relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> %s ORDER BY 1"""
SEQUENCES: Final = (
    "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
)
INSTALLED_EMPTY: Final = "INSERT INTO micro_batch_installation (waiting_payments, waiting_usd) VALUES (0, 0)"


def install(postgres: Postgres, database: str) -> None:
    """Make the deployed tables with the old service's rows, migrate them, and keep what is needed on shelves."""
    postgres.create_database(database)
    url = postgres.url(database)
    create_deployed_tables(url)
    query(url, OLD_ROWS)
    migrate(lambda: open_session(url))
    query(url, CLOCK)
    for table, column, kind in query(url, TIMES):
        zone = "" if kind == "timestamp with time zone" else " AT TIME ZONE 'UTC'"
        query(url, f"ALTER TABLE {table} ALTER {column} SET DEFAULT (shelf.now(){zone})")


class Shelves:
    """Takes copies of all rows and puts them back."""

    def __init__(self, observer: "Observer") -> None:
        self._observer = observer
        self._tables = [str(row["quote_ident"]) for row in observer.sql(TABLES, KEPT)]
        self._sequences = [str(row["quote_ident"]) for row in observer.sql(SEQUENCES)]
        self.keep(MOVED_IN)
        observer.sql(f"{self._emptied()}; {INSTALLED_EMPTY}")
        self.keep(EMPTY)

    def keep(self, name: str) -> None:
        """Take a copy of every row and number."""
        statements = [
            f"DROP TABLE IF EXISTS shelf.{name}_{kept}; CREATE TABLE shelf.{name}_{kept} AS TABLE {kept}"
            for kept in (*self._tables, *self._sequences)
        ]
        self._observer.sql("; ".join(statements))

    def put_back(self, name: str) -> None:
        """Forget every row and number, and put the copy's in their place; no trigger fires."""
        statements = [
            self._emptied(),
            "SET session_replication_role = replica",
            *(f"INSERT INTO {table} SELECT * FROM shelf.{name}_{table}" for table in self._tables),
            "RESET session_replication_role",
            *(
                f"SELECT SETVAL({literal(sequence)}, last_value, is_called) FROM shelf.{name}_{sequence}"
                for sequence in self._sequences
            ),
        ]
        self._observer.sql("; ".join(statements))

    def _emptied(self) -> str:
        return f"TRUNCATE {', '.join(self._tables)} RESTART IDENTITY CASCADE"


def set_clock(instant: datetime) -> str:
    """The statement after which the database's own times are *instant*."""
    return f"UPDATE shelf.clock SET instant = {literal(instant)}"


def at(instant: datetime, statements: Sequence[str]) -> str:
    """Statements in one text, for which the database's clock shows *instant*."""
    return "; ".join([set_clock(instant), *statements])
