"""The GCBatchProcessor stand-in pays out as the deployed service does, its faults included."""

from collections.abc import Iterator
from decimal import Decimal

import grpc
import pytest
import requests

from sandbox.google.cloud_tasks.server import CloudTasks
from sandbox.peers.database import add_client, create_deployed_tables
from sandbox.peers.gcbatchprocessor import GCBatchProcessor, Payout, PayoutQueue
from sandbox.postgres.session import query
from sandbox.wire.faults import refuse
from sandbox.wire.http_server import Responder

QUEUE = "projects/p/locations/l/queues/gcsplit1-batch-queue"


@pytest.fixture
def url(empty_database_url: str) -> str:
    """The deployed tables with a client who is paid from 20 USDT on."""
    create_deployed_tables(empty_database_url)
    add_client(empty_database_url, "anna", "20.00")
    return empty_database_url


@pytest.fixture
def sent() -> list[Payout]:
    return []


@pytest.fixture
def processor(url: str, sent: list[Payout]) -> Iterator[GCBatchProcessor]:
    with GCBatchProcessor(database_url=url, send=sent.append) as service:
        yield service


def owe(url: str, client_id: str, amount: str, status: str = "completed") -> None:
    query(
        url,
        "INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,"
        " accumulated_amount_usdt, client_wallet_address, client_payout_currency, client_payout_network,"
        f" conversion_status) VALUES ('{client_id}', 1, 1, 'usd', NOW(), {amount}, '0x', 'usdt', 'eth', '{status}')",
    )


def tick(processor: GCBatchProcessor) -> requests.Response:
    return requests.post(processor.url, timeout=10)


def test_a_client_is_paid_when_enough_is_owed(processor: GCBatchProcessor, url: str, sent: list[Payout]) -> None:
    """Below the client's threshold nothing happens; from it on all unpaid rows are summed, queued and marked."""
    owe(url, "anna", "12.5")
    owe(url, "unregistered", "500")
    assert tick(processor).json() == {"status": "success", "batches_created": 0}
    owe(url, "anna", "7.5", status="pending")
    assert tick(processor).json()["batches_created"] == 1
    (payout,) = sent
    assert (payout.client_id, payout.amount_usdt, payout.payments_count) == ("anna", Decimal(20), 2)
    marked = query(url, "SELECT DISTINCT is_paid_out, payout_batch_id FROM payout_accumulation WHERE is_paid_out")
    assert marked == [(True, payout.payout_batch_id)]
    assert tick(processor).json()["batches_created"] == 0
    assert processor.payouts == sent


def test_one_client_without_a_sum_stops_them_all(processor: GCBatchProcessor, url: str, sent: list[Payout]) -> None:
    """A NULL is compared in Python: nobody is paid."""
    query(url, "ALTER TABLE payout_accumulation ALTER COLUMN accumulated_amount_usdt DROP NOT NULL")
    add_client(url, "boris", "1.00")
    owe(url, "anna", "30")
    owe(url, "boris", "NULL")
    answer = tick(processor)
    assert (answer.status_code, answer.json()["status"]) == (500, "error")
    assert sent == []


def test_a_mark_that_is_refused_means_another_payout(processor: GCBatchProcessor, url: str, sent: list[Payout]) -> None:
    """The error is swallowed, and every tick pays the same client again."""
    owe(url, "anna", "40.20")
    query(url, "ALTER TABLE payout_accumulation ADD CONSTRAINT no_marks CHECK (NOT is_paid_out)")
    for _ in range(3):
        assert tick(processor).status_code == 200
    assert [payout.amount_usdt for payout in sent] == [Decimal("40.20")] * 3


def test_the_successor_pays_what_is_converted(processor: GCBatchProcessor, url: str, sent: list[Payout]) -> None:
    """By is_conversion_complete, which a share makes TRUE."""
    query(url, "ALTER TABLE payout_accumulation ADD COLUMN is_conversion_complete BOOLEAN DEFAULT FALSE")
    processor.only_converted = True
    owe(url, "anna", "30")
    assert tick(processor).json()["batches_created"] == 0
    query(url, "UPDATE payout_accumulation SET is_conversion_complete = TRUE")
    assert tick(processor).json()["batches_created"] == 1


def test_payouts_go_through_cloud_tasks(url: str) -> None:
    """A queue that is away stops the tick before anything is marked."""
    with CloudTasks() as tasks, Responder() as target:
        tasks.create_queue(QUEUE)
        queue = PayoutQueue(tasks.address, QUEUE, target.url)
        owe(url, "anna", "30")
        with GCBatchProcessor(database_url=url, send=queue.add) as processor:
            tasks.faults.add("CreateTask", refuse(grpc.StatusCode.PERMISSION_DENIED))
            assert tick(processor).status_code == 500
            assert query(url, "SELECT COUNT(*) FROM payout_accumulation WHERE is_paid_out") == [(0,)]
            assert tick(processor).status_code == 200
        tasks.wait_idle(5)
        assert [b'"amount_usdt": "30.00000000"' in request.body for request in target.requests] == [True]
