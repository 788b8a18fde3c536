"""The deployed table of 300,000 rows is migrated while the services beside ours go on writing and reading it."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

from ops.schema.migrate import migrate
from ops.schema.migration_files import read_migrations
from sandbox.postgres.session import open_session, query, run_sql
from tests.neighbours import statements
from tests.neighbours.conftest import sessions

ROWS = 300_000
CLIENTS = 300
LOCK_WAIT_MAX_S = 2
REPORT_S = 3.0

# Conversions of the time before batches, one in twenty of them on their way.
OLD_ROWS = f"""
INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,
    accumulated_amount_usdt, conversion_status, client_wallet_address, client_payout_currency, client_payout_network,
    is_paid_out)
SELECT 'client-' || n % {CLIENTS}, n, 10, 'eth', NOW(), 9.6, CASE WHEN n % 20 = 0 THEN 'pending' ELSE 'completed' END,
    '0x0', 'usdt', 'eth', n % 3 = 0
FROM GENERATE_SERIES(1, {ROWS}) AS n;
INSERT INTO main_clients_database SELECT 'client-' || n, 5 FROM GENERATE_SERIES(0, {CLIENTS - 1}) AS n
"""

SERVICES: tuple[Callable[[], str], ...] = (
    lambda: statements.OCTOBER_INSERT,
    lambda: statements.mark_paid(f"client-{random.randrange(CLIENTS)}"),
    lambda: statements.count_attempt(random.randrange(1, ROWS)),
    lambda: statements.finalize(20 * random.randrange(1, ROWS // 20)),
    lambda: statements.READS[1],
)
UNFILLED = """
SELECT
    COUNT(*) FILTER (
        WHERE conversion_status = 'pending' AND accumulated_eth IS DISTINCT FROM accumulated_amount_usdt),
    COUNT(*) FILTER (WHERE conversion_status = 'completed' AND is_conversion_complete IS NOT TRUE),
    COUNT(*) FILTER (WHERE accumulated_amount_usdt IS NULL)
FROM payout_accumulation
"""


def serve(url: str, statement: Callable[[], str], stop: Event) -> int:
    """Run statements until *stop*, none of which may wait for a lock as long as the bound; returns how many."""
    session = open_session(url)
    run_sql(session, f"SET lock_timeout = '{LOCK_WAIT_MAX_S}s'")
    served = 0
    while not stop.is_set():
        run_sql(session, statement())
        served += 1
    session.close()
    return served


def report(url: str, reading: Event) -> None:
    """Hold a snapshot and a lock on the table for a while, as a report does."""
    session = open_session(url)
    run_sql(session, "BEGIN; SELECT COUNT(*) FROM payout_accumulation")
    reading.set()
    run_sql(session, f"SELECT PG_SLEEP({REPORT_S}); COMMIT")
    session.close()


@contextmanager
def services_at_work(url: str) -> Iterator[list[int]]:
    """All services at once, and a long report, while the block runs; fills in how many statements each has run."""
    stop, reading = Event(), Event()
    served: list[int] = []
    with ThreadPoolExecutor(len(SERVICES) + 1) as pool:
        running = [pool.submit(serve, url, statement, stop) for statement in SERVICES]
        reported = pool.submit(report, url, reading)
        assert reading.wait(30)
        try:
            yield served
        finally:
            stop.set()
        reported.result(timeout=60)
        served += [service.result(timeout=60) for service in running]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_services_go_on_while_the_table_is_migrated(deployed_url: str) -> None:
    """None of their statements fails, and none waits two seconds for a lock, even behind one that a report holds up."""
    query(deployed_url, OLD_ROWS)
    with services_at_work(deployed_url) as served:
        applied = migrate(sessions(deployed_url))
    assert applied == [migration.title for migration in read_migrations()]
    assert all(count > 20 for count in served), served
    assert query(deployed_url, UNFILLED) == [(0, 0, 0)]
    assert query(deployed_url, "SELECT 1 FROM pg_index WHERE NOT indisvalid") == []
    (rows,) = query(deployed_url, "SELECT COUNT(*) FROM payout_accumulation")
    assert rows[0] == ROWS + served[0]
    print(f"statements of each service beside the migration: {served}")
