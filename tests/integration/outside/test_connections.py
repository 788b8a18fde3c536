"""Connections to PostgreSQL that end in odd ways: one kind of error, and the next transaction has a good one."""

import pytest

from shared.errors import DatabaseUnavailable
from shared.outside.database import Database, open_database
from tests.rig import Rig


def work_on_closed_streams(database: Database) -> None:
    """Close a connection's streams under a transaction that then goes on."""
    with database.transaction() as transaction:
        transaction._connection._sock.close()
        transaction._connection._usock.close()
        transaction.rows("count_batches_in_flight")


def test_streams_closed_underneath_are_a_lost_connection(rig: Rig) -> None:
    """The driver cannot even say goodbye on such a connection; that does not hide what happened."""
    database = open_database(rig.check_dependencies.settings.database)
    with pytest.raises(DatabaseUnavailable):
        work_on_closed_streams(database)
    with database.transaction() as transaction:
        assert transaction.row("count_batches_in_flight") == {"batches": 0}
    database.close()
