"""The accounts of a history, a year and a million: every receipt true, every change seen, in bounded memory.

`make long` tries it, and tells how long each took.
"""

import random
import time
import tracemalloc
import uuid
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ops.books.digests import make_digest
from ops.books.verify import NotTrueError, verify
from ops.command_line.database import opened_database
from tests.ops.account.test_receipts import receipt_of, settle
from tests.ops.conftest import Shell
from tests.rig import Rig

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

PAYMENTS = 2_000
PAYMENTS_A_BATCH = 50
FAILED_EVERY = 8  # batches
CHANGES = 10_000
YEAR = 200_000
MILLION = 1_000_000
MARKS = '0123456789abcdefABCDEF"{}[]:, \n.-'
SECONDS_MAX = 10  # of this process: a clock is no judge where others use the machine
GROWTH_BYTES_MAX = 16 * 1024 * 1024

FILL = """
INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,
    accumulated_eth, accumulated_amount_usdt, client_wallet_address, client_payout_currency, client_payout_network,
    conversion_status, batch_conversion_id, created_at)
SELECT 'c' || (i %% 1000), 1, 9e7, 'eth', NOW(), 1 + (CAST(i AS bigint) * 7919 %% 5000000000) / 100000000.0, 1,
    '0x', 'usdt', 'eth', 'completed', CAST(%s AS uuid), NOW() - i * INTERVAL '1 second' FROM generate_series(1, %s) AS i
"""
BATCH = """
INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, conversion_status,
    opened_because, payments_count, amount_eth, quoted_usdt, cn_api_id, payin_address, processing_started_at,
    order_prepared_at, task_enqueued_at, actual_usdt_received, settled_by, completed_at, created_at)
SELECT CAST(%s AS uuid), SUM(accumulated_eth), 20, 'completed', 'forced', COUNT(*), 1, 1, 'x', '0x', NOW(), NOW(),
    NOW(), ROUND(SUM(accumulated_eth) * 0.987, 6), 'callback', NOW(), NOW() FROM payout_accumulation
"""


@pytest.fixture
def history(rig: Rig) -> list[int]:
    """Payments of odd amounts in forty batches; each eighth fails first, and another takes its payments."""
    chance, payments = random.Random(17), list[int]()
    for number in range(PAYMENTS // PAYMENTS_A_BATCH):
        amounts = [str(Decimal(chance.randrange(1, 10**10)).scaleb(-8)) for _ in range(PAYMENTS_A_BATCH)]
        payments += rig.pay(*amounts, age=timedelta(minutes=5))
        rig.check(forced=True)
        if number % FAILED_EVERY == 0:
            rig.peers.exchange.expire(rig.batches()[-1]["cn_api_id"])
            rig.clock.forward(minutes=40)
            rig.check(forced=True)
        worth = rig.batches()[-1]["total_eth_usd"] * Decimal("0.98")
        settle(rig, str(worth.quantize(Decimal("1e-6"))))
        rig.clock.forward(minutes=15)
    return payments


def filled(rig: Rig, payments: int) -> uuid.UUID:
    """One completed batch of so many payments, written past the rules: what is measured only reads."""
    batch_conversion_id = uuid.uuid4()
    rig.sql("SET session_replication_role = replica")
    rig.sql(FILL, str(batch_conversion_id), payments)
    rig.sql(BATCH, str(batch_conversion_id))
    rig.sql("RESET session_replication_role")
    rig.sql("ANALYZE")
    return batch_conversion_id


def test_every_receipt_of_a_history_verifies_and_no_changed_one_does(
    history: list[int], rig: Rig, shell: Shell
) -> None:
    """All two thousand; those of a failed batch tell both; of ten thousand single changes none is taken for true."""
    texts = [receipt_of(shell, payment) for payment in history]
    receipts = [verify(text) for text in texts]
    failed = {str(row["batch_conversion_id"]) for row in rig.batches() if row["conversion_status"] == "failed"}
    assert len(failed) == PAYMENTS // PAYMENTS_A_BATCH // FAILED_EVERY
    told = [receipt for receipt in receipts if receipt["payment"]["earlier_batches"]]
    assert len(told) == len(failed) * PAYMENTS_A_BATCH
    assert {earlier for receipt in told for earlier in receipt["payment"]["earlier_batches"]} == failed
    assert not failed & {receipt["batch"]["batch_conversion_id"] for receipt in receipts}
    chance = random.Random(18)
    for _ in range(CHANGES):
        text = chance.choice(texts)
        place = chance.randrange(len(text))
        mark = chance.choice([one for one in MARKS if one != text[place]])
        with pytest.raises(NotTrueError):
            verify(text[:place] + mark + text[place + 1 :])


def test_a_year_is_exported_in_seconds_and_flat_memory(rig: Rig, shell: Shell, tmp_path: Path) -> None:
    """Two hundred thousand payments; what the first thousands needed is enough for all."""
    filled(rig, YEAR)
    began_s, started_s = time.process_time(), time.monotonic()
    assert shell("export", "payments", tmp_path / "year.csv", "--json").document["rows"] == YEAR
    took_s, waited_s = time.process_time() - began_s, time.monotonic() - started_s
    assert took_s < SECONDS_MAX
    tracemalloc.start()
    try:
        assert shell("export", "payments", tmp_path / "year.csv").code == 0
        growth_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(f"{YEAR} payments exported: {waited_s:.1f} s, {took_s:.1f} s of this process, {growth_bytes / 1e6:.1f} MB")
    assert growth_bytes < GROWTH_BYTES_MAX


def test_a_million_payments_have_their_digest_in_seconds(rig: Rig, shell: Shell) -> None:
    """Of this process, and a handful of blocks in memory; the path of one payment is found on the way."""
    batch_conversion_id = filled(rig, MILLION)
    (row,) = rig.sql("SELECT MIN(id) AS id FROM payout_accumulation")
    first = int(row["id"])
    with opened_database() as database, database.transaction() as transaction:
        began_s, started_s = time.process_time(), time.monotonic()
        digest = make_digest(transaction, batch_conversion_id, first + MILLION // 3)
        took_s = time.process_time() - began_s
        print(f"{MILLION} payments' digest: {time.monotonic() - started_s:.1f} s, {took_s:.1f} s of this process")
        assert took_s < SECONDS_MAX
    assert digest.batch["payments"] == MILLION
    assert len(digest.path) == 20
