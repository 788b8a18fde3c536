"""Connections to PostgreSQL that end in odd ways: one kind of error, and the next transaction has a good one."""

from collections.abc import Iterator

import pytest

from sandbox.wire.tcp_proxy import TcpProxy
from shared.errors import BatchConflict, DatabaseUnavailable, Refused, RuleViolated
from shared.outside.database import Database, open_database
from tests.rig import Peers, Rig, encode, new_id

REFUSALS = 100


@pytest.fixture
def counted(proxied_url: str, peers: Peers) -> Iterator[Rig]:
    """Both functions, and the proxy between them and their database."""
    rig = Rig(proxied_url, peers)
    rig.set_threshold("20.00")
    yield rig
    rig.close()


def test_a_hundred_refusals_cost_one_connection(counted: Rig, proxy: TcpProxy) -> None:
    """400, 404, 409, 422 by our own word, in a transaction or before it: nothing is wrong with the connection."""
    counted.pay("25.00")
    counted.check()
    (batch,) = counted.batches()
    counted.pay_out(batch, "24.50")
    counted.sql("UPDATE batch_conversions SET conversion_status = 'failed'")  # refused after a write of what is known
    odd = (
        encode(b"no token at all, but sixteen bytes and more"),
        counted.response(batch, "24.50", batch_conversion_id=new_id()),
        counted.response(batch, "24.50", cn_api_id="0123456789abcd"),
        counted.response(batch, "24.50"),
        counted.response(batch, "-1"),
    )
    before = len(proxy.connections)
    for number in range(REFUSALS):
        with pytest.raises(Refused):
            counted.call_back(odd[number % len(odd)])
    assert len(proxy.connections) - before <= 1


def refuse_inside(database: Database) -> None:
    """Write something, and then think better of it."""
    with database.transaction() as transaction:
        transaction.rows("count_batches_in_flight")
        raise BatchConflict("not this one")


def break_a_rule(database: Database) -> None:
    """Have the database itself refuse a statement."""
    with database.transaction() as transaction:
        transaction._connection.execute_simple("SET LOCAL statement_timeout = '7s'")
        transaction.execute("record_event", batch_conversion_id=new_id(), event="x", data="{}", now="1970-01-01")


def test_a_refusal_inside_a_transaction_keeps_its_connection_clean(counted: Rig, proxy: TcpProxy) -> None:
    """Rolled back, with nothing of the transaction left on it, whoever refused; the next one has the same."""
    database = open_database(counted.check_dependencies.settings.database)
    database.row("count_batches_in_flight")
    before = len(proxy.connections)
    for _ in range(REFUSALS // 2):
        with pytest.raises(BatchConflict):
            refuse_inside(database)
        with pytest.raises(RuleViolated):
            break_a_rule(database)
    with database.transaction() as transaction:
        assert transaction._connection.execute_simple("SHOW statement_timeout").rows == [["3min"]]
    assert len(proxy.connections) == before
    database.close()


def test_a_refusal_that_cannot_be_rolled_back_costs_the_connection(counted: Rig, proxy: TcpProxy) -> None:
    """Nothing is known of a connection that does not answer the roll-back; the refusal is told all the same."""
    database = open_database(counted.check_dependencies.settings.database)
    database.row("count_batches_in_flight")
    before = len(proxy.connections)
    proxy.cut_when(b"ROLLBACK")
    with pytest.raises(BatchConflict):
        refuse_inside(database)
    with database.transaction() as transaction:
        assert transaction.row("count_batches_in_flight") == {"batches": 0}
    assert len(proxy.connections) == before + 1
    database.close()


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
