"""A month of records in a database, hostile texts among them, and its pages served."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ops.command_line.database import STATEMENTS
from ops.pages.serving import Pages
from sandbox.postgres.server import Postgres
from shared.outside.database import open_database
from shared.settings import load_database_settings
from tests.ops.pages.hostile import make_hostile
from tests.ops.pages.records import Records, make_records, write_records

END = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
NOW = END + timedelta(minutes=4)
PATHS = ["/", "/recommendation", "/batches", "/batch/1", "/payment/1", "/checks", "/pending", "/held", "/levers"]
"""A page of each kind, but for the figures, which take a span."""


@pytest.fixture(scope="session")
def records() -> Records:
    """A month."""
    made = make_records(1500, 30, END)
    make_hostile(made)
    return made


@pytest.fixture(scope="session")
def records_url(postgres: Postgres, migrated_template: str, records: Records) -> Iterator[str]:
    """The address of a database that holds the month; nothing is changed in it."""
    name = f"pages_{os.getpid()}"
    postgres.create_database(name, migrated_template)
    write_records(postgres.url(name), records)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def pages_url(records_url: str) -> Iterator[str]:
    """The address of its pages, as of four minutes after the last check."""
    database = open_database(load_database_settings({"DATABASE_URL": records_url}), STATEMENTS)
    with Pages(database, 0, lambda: NOW) as pages:
        yield pages.url
    database.close()
