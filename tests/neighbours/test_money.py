"""Both functions on the deployed tables: payments as the services insert them, batches as the old service left them."""

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ops.schema.migrate import migrate
from sandbox.changenow.market import ETH_TO_USDT
from sandbox.peers.gcbatchprocessor import GCBatchProcessor
from sandbox.postgres.session import query
from shared.errors import BatchConflict
from tests.neighbours import statements
from tests.neighbours.conftest import sessions
from tests.rig import WALLET_ETH, WALLET_USDT, Peers, Rig

RUNBOOK = (Path(__file__).resolve().parents[2] / "docs" / "runbook.md").read_text()
(ENDS_AN_OLD_BATCH,) = re.findall(r"```sql\n(UPDATE batch_conversions .*?)```", RUNBOOK, re.DOTALL)
FOURTH = "44444444-4444-4444-4444-444444444444"
TWIN = "30303030-3030-4030-8030-303030303030"
TWO_BATCHES_WITH_ONE_EXCHANGE = f"""
SET session_replication_role = replica;
INSERT INTO batch_conversions (id, batch_conversion_id, total_eth_usd, threshold_at_creation, cn_api_id, payin_address,
    conversion_status, created_at, processing_started_at, order_prepared_at, task_enqueued_at)
SELECT 30, '{TWIN}', total_eth_usd, threshold_at_creation, cn_api_id, payin_address, conversion_status, created_at,
    processing_started_at, order_prepared_at, task_enqueued_at
FROM batch_conversions WHERE id = 4;
INSERT INTO payout_accumulation (id, client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,
    accumulated_eth, accumulated_amount_usdt, conversion_status, batch_conversion_id, is_paid_out, created_at,
    client_wallet_address, client_payout_currency, client_payout_network)
SELECT id + 20, client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp, accumulated_eth,
    accumulated_amount_usdt, conversion_status, '{TWIN}', is_paid_out, created_at, client_wallet_address,
    client_payout_currency, client_payout_network
FROM payout_accumulation WHERE batch_conversion_id = '{FOURTH}';
RESET session_replication_role
"""


@pytest.fixture
def rig_on_deployed(deployed_url: str, peers: Peers) -> Iterator[Rig]:
    """Both functions on the deployed tables, migrated while nothing waited."""
    migrate(sessions(deployed_url))
    built = Rig(deployed_url, peers)
    built.set_threshold("20.00")
    yield built
    built.close()


def pay(url: str, insert: str, *amounts_usd: str) -> list[int]:
    """Insert payments as one of the services does; their ETH is not known."""
    insert = insert.replace("0.0033", "NULL")
    texts = [insert.replace("9.7", dollars).replace(" 10,", f" {dollars},") for dollars in amounts_usd]
    return [int(query(url, text)[0][0]) for text in texts]


@pytest.mark.parametrize("insert", [statements.OCTOBER_INSERT, statements.NOVEMBER_INSERT, statements.DOCUMENT_INSERT])
def test_the_document_s_own_example(rig_on_deployed: Rig, deployed_url: str, insert: str) -> None:
    """10, 15 and 25 dollars and 48.50 USDT: 9.70, 14.55 and 24.25, where the neighbours read them."""
    pay(deployed_url, insert, "10", "15", "25")
    assert sum_owed(deployed_url) == [("new", Decimal(50))]
    rig_on_deployed.check()
    (batch,) = rig_on_deployed.batches()
    assert sum_owed(deployed_url) == [("new", Decimal(50))]
    rig_on_deployed.pay_out(batch, "48.50")
    rig_on_deployed.call_back(rig_on_deployed.response(batch, "48.50"))
    rows = query(
        deployed_url,
        "SELECT accumulated_eth, accumulated_amount_usdt, is_conversion_complete, conversion_status"
        " FROM payout_accumulation ORDER BY id",
    )
    assert rows == [
        (Decimal(dollars), Decimal(share), True, "completed")
        for dollars, share in (("10", "9.70"), ("15", "14.55"), ("25", "24.25"))
    ]
    assert sum_owed(deployed_url) == [("new", Decimal("48.5"))]


def sum_owed(url: str) -> list[tuple[str, Decimal]]:
    """What GCBatchProcessor sums for each client; never NULL."""
    rows = query(
        url,
        "SELECT client_id, SUM(accumulated_amount_usdt) FROM payout_accumulation WHERE is_paid_out = FALSE GROUP BY 1",
    )
    return [(client, total) for client, total in rows]


def test_the_successor_pays_only_what_is_converted(rig_on_deployed: Rig, deployed_url: str) -> None:
    """Its batch processor finds the share once it is written, and pays it once."""
    query(deployed_url, "INSERT INTO main_clients_database VALUES ('new', 5)")
    pay(deployed_url, statements.NOVEMBER_INSERT, "10", "15")
    processor = GCBatchProcessor(database_url=deployed_url, send=lambda _: None, only_converted=True)
    assert processor.tick() == []
    rig_on_deployed.check()
    (batch,) = rig_on_deployed.batches()
    rig_on_deployed.pay_out(batch, "24.50")
    rig_on_deployed.call_back(rig_on_deployed.response(batch, "24.50"))
    assert [payout.amount_usdt for payout in processor.tick()] == [Decimal("24.5")]
    assert processor.tick() == []


def test_a_failed_batch_leaves_a_record(rig_on_deployed: Rig, deployed_url: str) -> None:
    """What it held, with its dollars; the payments go on to the next."""
    payments = pay(deployed_url, statements.OCTOBER_INSERT, "10", "15")
    rig_on_deployed.check()
    (first,) = rig_on_deployed.batches()
    rig_on_deployed.peers.exchange.expire(first["cn_api_id"])
    rig_on_deployed.clock.forward(minutes=21)
    rig_on_deployed.check()
    held = "SELECT batch_conversion_id, payment_id, amount_usd FROM released_payments ORDER BY payment_id"
    released = query(deployed_url, held)
    assert released == [
        (first["batch_conversion_id"], payment, Decimal(dollars))
        for payment, dollars in zip(payments, ("10", "15"), strict=True)
    ]


@pytest.fixture
def old_batch(moved_rig: Rig) -> dict[str, Any]:
    """Batch 4 of the old service, 24.25 dollars over two payments, whose exchange has paid out 23.50 USDT."""
    exchange = moved_rig.peers.exchange.open_exchange(ETH_TO_USDT, Decimal("0.0083"), WALLET_USDT, WALLET_ETH)
    moved_rig.sql(
        "UPDATE batch_conversions SET cn_api_id = %s, payin_address = %s WHERE id = 4",
        exchange.id,
        exchange.payin_address,
    )
    moved_rig.peers.exchange.deposit(exchange.payin_address, exchange.expected_amount_from, "0x" + "ab" * 32)
    moved_rig.peers.exchange.finish(exchange.id, Decimal("23.50"))
    return next(row for row in moved_rig.batches() if row["id"] == 4)


def shares(rig: Rig) -> list[Any]:
    """The shares of batch 4."""
    rows = rig.sql(
        "SELECT accumulated_amount_usdt AS share, is_conversion_complete FROM payout_accumulation"
        " WHERE batch_conversion_id = CAST(%s AS uuid) AND conversion_status = 'completed' ORDER BY id",
        FOURTH,
    )
    return [(row["share"], row["is_conversion_complete"]) for row in rows]


def test_an_old_batch_is_completed_by_its_callback(moved_rig: Rig, old_batch: dict[str, Any]) -> None:
    """Though nobody has decided on the cut-over: it is the old service's, and its money is there."""
    moved_rig.call_back(moved_rig.response(old_batch, "23.50"))
    assert shares(moved_rig) == [(Decimal("9.40"), True), (Decimal("14.10"), True)]
    moved_rig.call_back(moved_rig.response(old_batch, "23.50"))
    assert moved_rig.orders() == []


def test_an_old_batch_is_completed_by_reconciliation(moved_rig: Rig, old_batch: dict[str, Any]) -> None:
    """No callback comes: the check asks ChangeNow, and orders nothing; batches that it cannot ask about stay."""
    moved_rig.check()
    assert shares(moved_rig) == [(Decimal("9.40"), True), (Decimal("14.10"), True)]
    assert moved_rig.orders() == []


@pytest.mark.parametrize("calls_back_first", [True, False], ids=["callback", "reconciliation"])
def test_what_one_exchange_paid_out_is_distributed_once(
    moved_rig: Rig, moved_url: str, old_batch: dict[str, Any], *, calls_back_first: bool
) -> None:
    """Two old batches with one exchange: the first that is settled has it, the other is left to a person."""
    query(moved_url, TWO_BATCHES_WITH_ONE_EXCHANGE)
    if calls_back_first:
        moved_rig.call_back(moved_rig.response(old_batch, "23.50"))
    moved_rig.check()
    moved_rig.clock.forward(hours=2)
    moved_rig.check()
    (left,) = [one for one in moved_rig.batches() if one["id"] in (4, 30) and one["conversion_status"] == "swapping"]
    with pytest.raises(BatchConflict):
        moved_rig.call_back(moved_rig.response(left, "23.50"))
    (distributed,) = moved_rig.sql(
        "SELECT SUM(accumulated_amount_usdt) AS usdt, COUNT(*) AS payments FROM payout_accumulation"
        " WHERE batch_conversion_id IN (CAST(%s AS uuid), CAST(%s AS uuid)) AND conversion_status = 'completed'",
        FOURTH,
        TWIN,
    )
    assert distributed == {"usdt": Decimal("23.50"), "payments": 2}
    query(moved_url, ENDS_AN_OLD_BATCH.replace(str(UUID(int=0)), str(left["batch_conversion_id"])))
    moved_rig.clock.forward(days=1)
    moved_rig.check()
    (ended,) = [one for one in moved_rig.batches() if one["id"] == left["id"]]
    assert (ended["conversion_status"], ended["late_usdt_received"]) == ("failed", None)
    released = query(moved_url, "SELECT batch_conversion_id, COUNT(*) FROM released_payments GROUP BY 1")
    assert released == [(left["batch_conversion_id"], 2)]


def test_old_batches_are_never_ordered(moved_rig: Rig) -> None:
    """Whatever time passes and whatever state they are in; nor what the old service still inserts."""
    moved_rig.sql(statements.OLD_BATCH_INSERT)
    for _ in range(4):
        moved_rig.check(forced=True)
        moved_rig.clock.forward(hours=2)
    assert moved_rig.orders() == []


def test_times_are_utc_in_tokyo(deployed_url: str, peers: Peers) -> None:
    """A database whose sessions begin in another zone: a payment made now is a moment old, and is claimed."""
    database = deployed_url.rpartition("/")[2]
    query(deployed_url, f"ALTER DATABASE {database} SET timezone = 'Asia/Tokyo'")
    migrate(sessions(deployed_url))
    rig = Rig(deployed_url, peers)
    rig.set_threshold("20.00")
    pay(deployed_url, statements.OCTOBER_INSERT, "10")
    rig.clock.forward(minutes=3)
    rig.check()
    (check,) = rig.checks()
    assert 170 <= check["oldest_pending_age_s"] < 240
    pay(deployed_url, statements.OCTOBER_INSERT, "15")
    rig.clock.forward(seconds=30)
    rig.check()
    (batch,) = rig.batches()
    assert abs(batch["created_at"] - rig.clock().replace(tzinfo=None)) < timedelta(minutes=1)
    rig.close()


def test_old_tokyo_times_are_read_as_utc(deployed_url: str) -> None:
    """Nine hours ahead, as they were written: no more than a day, and claimable once they are ours."""
    query(deployed_url, f"ALTER DATABASE {deployed_url.rpartition('/')[2]} SET timezone = 'Asia/Tokyo'")
    pay(deployed_url, statements.OCTOBER_INSERT, "10")
    migrate(sessions(deployed_url))
    query(deployed_url, "INSERT INTO cut_over_decisions (ours_from, decided_by) VALUES ('-infinity', 'test')")
    assert query(deployed_url, "SELECT COUNT(*) FROM claimable_payments") == [(1,)]
