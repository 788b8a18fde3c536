"""The database of an operator's shell: DATABASE_URL, or the Cloud SQL settings, and every statement by name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shared.outside.database import Database, open_database
from shared.outside.statements import SQL_FOLDER, Statements
from shared.settings import DatabaseSettings, load_database_settings

STATEMENTS: Final = Statements(SQL_FOLDER, Path(__file__).resolve().parents[1] / "sql")
CONNECT_TIMEOUT_S: Final = "8"  # somebody waits at the keyboard


def database_settings() -> DatabaseSettings:
    """Read the database's settings from the environment; raises SettingsInvalid."""
    return load_database_settings({"DATABASE_CONNECT_TIMEOUT_S": CONNECT_TIMEOUT_S, **os.environ})


@contextmanager
def opened_database() -> Iterator[Database]:
    """Open the database for one verb; its connections are closed at the end of the block."""
    database = open_database(database_settings(), STATEMENTS)
    try:
        yield database
    finally:
        database.close()
