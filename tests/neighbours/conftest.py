"""Databases as they are where ours is to be installed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pg8000.dbapi import Connection

from ops.schema.migrate import migrate
from sandbox.peers.database import create_deployed_tables
from sandbox.postgres.session import open_session, query
from tests.rig import Peers, Rig

ODD_ROWS = (Path(__file__).parent / "odd_rows.sql").read_text()
TO_NOVEMBER = (
    "ALTER TABLE payout_accumulation ADD COLUMN accumulated_eth NUMERIC(20,8),"
    " ADD COLUMN is_conversion_complete BOOLEAN;"
)
TO_DOCUMENT = f"{TO_NOVEMBER} ALTER TABLE payout_accumulation ALTER COLUMN accumulated_amount_usdt DROP NOT NULL;"


def sessions(url: str) -> Callable[[], Connection]:
    """What migrate() and check() take."""
    return lambda: open_session(url)


@pytest.fixture
def deployed_url(empty_database_url: str) -> str:
    """The deployed tables, empty."""
    create_deployed_tables(empty_database_url)
    return empty_database_url


@pytest.fixture
def odd_url(deployed_url: str) -> str:
    """The deployed tables with a row in every odd state."""
    query(deployed_url, ODD_ROWS)
    return deployed_url


@pytest.fixture
def moved_url(odd_url: str) -> str:
    """The same after our migrations; nobody has decided on a cut-over."""
    migrate(sessions(odd_url))
    return odd_url


@pytest.fixture
def moved_rig(moved_url: str, peers: Peers) -> Iterator[Rig]:
    """Both functions on the migrated database."""
    built = Rig(moved_url, peers)
    built.set_threshold("20.00")
    yield built
    built.close()
