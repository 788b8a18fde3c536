"""The project's own migrations on the table as deployed: many rows, and other services writing."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

from ops.schema.migrate import migrate
from ops.schema.migration_files import read_migrations
from tests.sessions import open_session, query, run_sql

ROWS = 200_000
WRITER_WAIT_MAX_S = 5.0
REPORT_S = 3.0

AS_DEPLOYED = """
CREATE TABLE payout_accumulation (
    id SERIAL PRIMARY KEY,
    client_id VARCHAR(14) NOT NULL,
    user_id BIGINT NOT NULL,
    subscription_id INTEGER,
    payment_amount_usd NUMERIC(10,2) NOT NULL,
    payment_currency VARCHAR(10) NOT NULL,
    payment_timestamp TIMESTAMP NOT NULL,
    accumulated_eth NUMERIC(20,8),
    accumulated_amount_usdt NUMERIC(20,8),
    conversion_status VARCHAR(50) DEFAULT 'pending',
    conversion_tx_hash VARCHAR(255),
    client_wallet_address VARCHAR(200) NOT NULL,
    client_payout_currency VARCHAR(10) NOT NULL,
    client_payout_network VARCHAR(50) NOT NULL,
    is_paid_out BOOLEAN DEFAULT FALSE,
    payout_batch_id VARCHAR(50),
    paid_out_at TIMESTAMP,
    nowpayments_payment_id VARCHAR(50),
    nowpayments_pay_address VARCHAR(255),
    nowpayments_outcome_amount NUMERIC(30,18),
    created_at TIMESTAMP DEFAULT NOW(),
    updated_at TIMESTAMP DEFAULT NOW()
)
"""

INSERT = """
INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency,
    payment_timestamp, accumulated_eth, accumulated_amount_usdt, conversion_status,
    client_wallet_address, client_payout_currency, client_payout_network, is_paid_out)
"""

# Conversions of the time before batches: completed one by one, a few of them without dollars.
OLD_ROWS = f"""
{INSERT} SELECT 'client' || n % 50, n, 10, 'eth', NOW(),
    CASE WHEN n % 1000 = 0 THEN NULL ELSE 9.7 END,
    CASE WHEN n % 20 = 0 THEN NULL ELSE 9.6 END,
    CASE WHEN n % 20 = 0 THEN 'pending' ELSE 'completed' END,
    '0x0', 'usdt', 'eth', n % 3 = 0
FROM GENERATE_SERIES(1, {ROWS}) AS n
"""

NEW_PAYMENT = f"{INSERT} VALUES ('busy', 1, 10, 'eth', NOW(), 9.7, NULL, 'pending', '0x0', 'u', 'e', FALSE)"
PAYOUT = """
UPDATE payout_accumulation SET is_paid_out = TRUE, updated_at = NOW()
WHERE id = (SELECT 1 + FLOOR(RANDOM() * 200000)::INTEGER)
"""

COLUMNS = """
SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision,
    numeric_scale, is_nullable, column_default
FROM information_schema.columns
WHERE table_schema = 'public' AND (table_name <> 'payout_accumulation'
    OR column_name IN ('batch_conversion_id', 'is_conversion_complete', 'created_at', 'updated_at'))
ORDER BY 1, 2
"""
CONSTRAINTS = """
SELECT conrelid::REGCLASS::TEXT, conname, PG_GET_CONSTRAINTDEF(oid), convalidated
FROM pg_constraint WHERE connamespace = 'public'::REGNAMESPACE ORDER BY 1, 2
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"


@pytest.fixture
def deployed_url(empty_database_url: str) -> str:
    """The address of a database as production's is before the first migration."""
    query(empty_database_url, AS_DEPLOYED)
    query(empty_database_url, OLD_ROWS)
    return empty_database_url


def write_until(url: str, sql: str, stop: Event) -> list[float]:
    """Run *sql* again and again, each in a transaction; how long each took, in seconds."""
    connection = open_session(url)
    durations_s = []
    while not stop.is_set():
        began = time.monotonic()
        run_sql(connection, f"BEGIN; {sql}; COMMIT")
        durations_s.append(time.monotonic() - began)
    connection.close()
    return durations_s


@contextmanager
def busy(url: str, *jobs: Callable[[], None]) -> Iterator[list[list[float]]]:
    """Two services write while the block runs, beside *jobs*; fills in how long each write took."""
    stop, durations_s = Event(), list[list[float]]()
    with ThreadPoolExecutor(2 + len(jobs)) as pool:
        writers = [pool.submit(write_until, url, sql, stop) for sql in (NEW_PAYMENT, PAYOUT)]
        others = [pool.submit(job) for job in jobs]
        try:
            yield durations_s
        finally:
            stop.set()
        for other in others:
            other.result(timeout=30)
        durations_s += [writer.result(timeout=30) for writer in writers]


@pytest.mark.slow
def test_writers_go_on_while_the_table_is_migrated(deployed_url: str) -> None:
    """None fails and none waits long, even behind an ALTER TABLE that a long report holds up."""
    reading = Event()

    def report() -> None:
        session = open_session(deployed_url)
        run_sql(session, "BEGIN; SELECT COUNT(*) FROM payout_accumulation")
        reading.set()
        run_sql(session, f"SELECT PG_SLEEP({REPORT_S}); COMMIT")
        session.close()

    with busy(deployed_url, report) as durations_s:
        assert reading.wait(10)
        began = time.monotonic()
        applied = migrate(lambda: open_session(deployed_url))
        took_s = time.monotonic() - began
    assert applied == [migration.title for migration in read_migrations()]
    assert took_s > REPORT_S * 0.9, "the report was to stand in the way"
    for durations in durations_s:
        assert len(durations) > 100
        assert max(durations) < WRITER_WAIT_MAX_S

    inserted = len(durations_s[0])
    (counts,) = query(
        deployed_url,
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE client_id = 'busy'), COUNT(batch_conversion_id)"
        " FROM payout_accumulation",
    )
    assert counts == (ROWS + inserted, inserted, 0)
    assert query(deployed_url, "SELECT 1 FROM pg_index WHERE NOT indisvalid") == []
    print(
        f"migrated {ROWS} rows in {took_s:.1f} s beside {inserted} inserts and "
        f"{len(durations_s[1])} updates; longest wait {max(map(max, durations_s)):.2f} s"
    )


def test_same_schema_from_nothing_and_from_the_deployed_table(deployed_url: str, database_url: str) -> None:
    """Columns, constraints and indexes do not depend on who made the table."""
    migrate(lambda: open_session(deployed_url))
    for sql in (COLUMNS, CONSTRAINTS, INDEXES):
        assert query(deployed_url, sql) == query(database_url, sql)
