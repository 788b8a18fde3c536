"""Every statement of the services beside ours, on old rows and new ones, before and after the migration."""

import re

import pytest
from pg8000.dbapi import Connection
from pg8000.exceptions import DatabaseError

from ops.schema.migrate import migrate
from sandbox.peers.gcbatchprocessor import GCBatchProcessor, Payout
from sandbox.postgres.session import open_session, query, run_sql
from tests.neighbours import statements
from tests.neighbours.conftest import sessions
from tests.neighbours.statements import mark_paid

PAYMENTS = range(1, 27)
READ_OF_A_NEW_PAYMENT = statements.READS[2]
STATUSES = ("pending", "swapping", "completed", "failed", "processing")
WITHOUT_BATCH = "SELECT id FROM payout_accumulation WHERE batch_conversion_id IS NULL ORDER BY id"


def runs(connection: Connection, sql: str) -> int:
    """Run a statement and take it back; returns how many rows it wrote or read."""
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute(sql)
    rows = cursor.rowcount
    cursor.execute("ROLLBACK")
    return int(rows)


def outcomes(url: str) -> dict[str, int]:
    """How many rows each of their statements touches; each is taken back, and none is refused."""
    connection = open_session(url)
    single = [payment for (payment,) in run_sql(connection, WITHOUT_BATCH)]
    everything = [
        *(statements.READS),
        statements.OCTOBER_INSERT,
        statements.OLD_BATCH_INSERT,
        *(mark_paid(f"client-{number}") for number in range(3)),
        *(statements.count_attempt(payment) for payment in PAYMENTS),
        *(statements.finalize(payment) for payment in single),
        *(statements.set_status(payment, status) for payment in single for status in STATUSES),
    ]
    touched = {sql: runs(connection, sql) for sql in everything}
    connection.close()
    return touched


def test_none_is_refused_after_the_migration(odd_url: str) -> None:
    """Each touches as many rows as before, whatever state the rows are in; and it did touch some."""
    before = outcomes(odd_url)
    assert [sql for sql, rows in before.items() if rows == 0] == [READ_OF_A_NEW_PAYMENT]
    migrate(sessions(odd_url))
    assert outcomes(odd_url) == before


@pytest.mark.parametrize("insert", [statements.OCTOBER_INSERT, statements.NOVEMBER_INSERT, statements.DOCUMENT_INSERT])
def test_every_generation_inserts(moved_url: str, insert: str) -> None:
    """Whichever column its dollars go to, both have them; the neighbour's sum and our weight are known."""
    ((payment,),) = query(moved_url, insert)
    (row,) = query(
        moved_url,
        "SELECT accumulated_eth = 9.7 AND accumulated_amount_usdt = 9.7, conversion_status, is_conversion_complete"
        f" FROM payout_accumulation WHERE id = {payment}",
    )
    assert row == (True, "pending", False)


def test_an_insert_without_dollars_has_a_sum(moved_url: str) -> None:
    """Nobody's payouts stop for it: nothing is owed for it as far as is known, and it is counted."""
    insert = statements.NOVEMBER_INSERT.replace("9.7", "NULL")
    ((payment,),) = query(moved_url, insert)
    (row,) = query(
        moved_url, f"SELECT accumulated_eth, accumulated_amount_usdt = 0 FROM payout_accumulation WHERE id = {payment}"
    )
    assert row == (None, True)


@pytest.mark.parametrize("dollars", ["'NaN'", "1e9", "-5", "0"])
def test_no_dollars_of_theirs_are_refused(moved_url: str, dollars: str) -> None:
    """What the column takes is taken; what is no payment's dollars is never claimed."""
    ((payment,),) = query(moved_url, statements.OCTOBER_INSERT.replace("9.7", dollars))
    reasons = query(moved_url, f"SELECT reason FROM unclaimable_payments WHERE id = {payment}")
    assert reasons in ([("no_dollars",)], [("dollars_above_payment",)], [("before_cut_over",)])


def test_completed_by_itself(moved_url: str) -> None:
    """A row that another flow converts is complete for the successor's batch processor as well."""
    query(moved_url, statements.finalize(3))
    assert query(moved_url, "SELECT is_conversion_complete FROM payout_accumulation WHERE id = 3") == [(True,)]


def test_clients_are_paid_once(moved_url: str) -> None:
    """GCBatchProcessor's mark is never refused, so that no client is paid at every tick."""
    sent: list[Payout] = []
    query(moved_url, "UPDATE payout_accumulation SET is_paid_out = TRUE WHERE accumulated_amount_usdt = 'NaN'")
    processor = GCBatchProcessor(database_url=moved_url, send=sent.append)
    first = processor.tick()
    assert {payout.client_id for payout in first} == {"client-0", "client-1", "client-2"}
    assert processor.tick() == []


def test_the_old_service_inserts_and_does_not_claim(moved_url: str) -> None:
    """Its batch stands, as ordered; the rows it would take stay where they are; the end of its own batches is its."""
    query(moved_url, statements.OLD_BATCH_INSERT)
    ordered = "SELECT task_enqueued_at = processing_started_at FROM batch_conversions WHERE cn_api_id = 'old-exchange'"
    assert query(moved_url, ordered) == [(True,)]
    with pytest.raises(DatabaseError) as refused:
        query(moved_url, statements.OLD_CLAIM)
    assert refused.value.args[0]["n"] == "payout_accumulation_join"
    assert (
        query(moved_url, f"SELECT 1 FROM payout_accumulation WHERE batch_conversion_id = '{statements.OLD_BATCH}'")
        == []
    )


def test_the_old_service_ends_what_it_began(moved_url: str) -> None:
    """While it is drained: shares row by row, then its batch."""
    for payment in (10, 11):
        query(moved_url, statements.finalize(payment))
    query(moved_url, statements.old_finalize("44444444-4444-4444-4444-444444444444", "19.22"))
    assert query(moved_url, "SELECT conversion_status FROM batch_conversions WHERE id = 4") == [("completed",)]


def test_another_role_needs_no_right_of_ours(moved_url: str) -> None:
    """A service's own role, with rights on its two tables and any search_path, meets none of our tables."""
    session = open_session(moved_url)
    run_sql(
        session,
        "DROP ROLE IF EXISTS neighbour; CREATE ROLE neighbour;"
        " GRANT SELECT, INSERT, UPDATE ON payout_accumulation, batch_conversions TO neighbour;"
        " GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO neighbour",
    )
    try:
        run_sql(session, "BEGIN; SET LOCAL ROLE neighbour; SET LOCAL search_path = pg_catalog")
        for sql in (
            statements.OCTOBER_INSERT,
            statements.OLD_BATCH_INSERT,
            mark_paid("client-1"),
            statements.finalize(3),
            statements.finalize(10),
        ):
            run_sql(
                session,
                sql.replace("payout_accumulation", "public.payout_accumulation").replace(
                    "batch_conversions", "public.batch_conversions"
                ),
            )
        run_sql(session, "ROLLBACK")
    finally:
        run_sql(session, "ROLLBACK; DROP OWNED BY neighbour; DROP ROLE neighbour")
        session.close()


@pytest.mark.parametrize("sql", [statements.OCTOBER_INSERT, mark_paid("client-1"), statements.count_attempt(9)])
def test_none_waits_for_a_question_of_ours(moved_url: str, sql: str) -> None:
    """The work beyond the statement's own: a trigger that reads nothing at birth, and none for what is marked."""
    session = open_session(moved_url)
    run_sql(session, "BEGIN")
    text = "\n".join(row[0] for row in run_sql(session, f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {sql}"))
    run_sql(session, "ROLLBACK")
    session.close()
    triggers = re.findall(r"^Trigger (?!for )(\w+)", text, re.MULTILINE)  # without those of their own foreign key
    assert triggers == (["payout_accumulation_dollars"] if sql is statements.OCTOBER_INSERT else [])
