"""The deployed database after the migrations: what was there is as it was, and what a batch needs is known."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ops.schema.migrate import check, migrate
from ops.schema.migration_files import FOLDER, read_migrations
from ops.schema.migration_run import MigrationFailedError
from sandbox.postgres.session import query
from tests.neighbours.conftest import ODD_ROWS, TO_DOCUMENT, TO_NOVEMBER, sessions

TITLES = [migration.title for migration in read_migrations()]
THEIR_COLUMNS = (
    "SELECT STRING_AGG(QUOTE_IDENT(column_name), ', ' ORDER BY ordinal_position) FROM information_schema.columns"
    " WHERE table_schema = 'public' AND table_name = '{table}'"
)

# What does not depend on who made the two tables: everything of ours.
OURS = {
    "tables": "SELECT table_name::TEXT, column_name::TEXT, data_type, column_default FROM information_schema.columns"
    " WHERE table_schema = 'public' AND table_name NOT IN ('payout_accumulation', 'batch_conversions',"
    " 'main_clients_database') ORDER BY 1, 2",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'micro_batch_%' ORDER BY 1",
    "triggers": "SELECT PG_GET_TRIGGERDEF(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    "rules": "SELECT conrelid::REGCLASS::TEXT, PG_GET_CONSTRAINTDEF(oid), convalidated FROM pg_constraint"
    " WHERE contype = 'c' ORDER BY 1, 2",
    "functions": "SELECT PG_GET_FUNCTIONDEF(oid) FROM pg_proc WHERE pronamespace = 'public'::REGNAMESPACE ORDER BY 1",
    "defaults": "SELECT table_name::TEXT, column_name::TEXT, column_default FROM information_schema.columns"
    " WHERE table_name IN ('payout_accumulation', 'batch_conversions') AND column_name IN ('created_at', 'updated_at',"
    " 'conversion_status', 'is_paid_out', 'is_conversion_complete') ORDER BY 1, 2",
}


def snapshot(url: str, table: str, columns: str) -> list[tuple[Any, ...]]:
    """Every row's values in some columns, as text, so that NaN equals NaN."""
    return query(url, f"SELECT ROW({columns})::TEXT FROM {table} ORDER BY id")


def test_what_was_there_stays_as_it_was(odd_url: str) -> None:
    """No value of theirs changes, in any row of either table, the first time or the second."""
    theirs = {
        table: str(query(odd_url, THEIR_COLUMNS.format(table=table))[0][0])
        for table in ("payout_accumulation", "batch_conversions")
    }
    before = {table: snapshot(odd_url, table, columns) for table, columns in theirs.items()}
    assert migrate(sessions(odd_url)) == TITLES
    assert {table: snapshot(odd_url, table, columns) for table, columns in theirs.items()} == before
    ours = {table: snapshot(odd_url, table, f"{table}.*") for table in theirs}
    assert migrate(sessions(odd_url)) == []
    assert {table: snapshot(odd_url, table, f"{table}.*") for table in theirs} == ours


def test_weights_and_completion_are_filled(moved_url: str) -> None:
    """Dollars of what is not completed become the weight; what is completed is said to be, its weight unknown."""
    rows = query(
        moved_url,
        "SELECT id, conversion_status, accumulated_eth, accumulated_amount_usdt, is_conversion_complete"
        " FROM payout_accumulation ORDER BY id",
    )
    for payment, status, weight, dollars, is_complete in rows:
        if status == "completed":
            assert (weight, is_complete) == (None, True), payment
        elif dollars.is_nan():
            assert weight is None, payment
        else:
            assert (weight, is_complete) == (dollars, None), payment


@pytest.mark.parametrize("shape", [TO_NOVEMBER, TO_DOCUMENT])
def test_dollars_in_the_other_column(deployed_url: str, shape: str) -> None:
    """The successor's and the document's shape: the neighbour's sum is filled from the weight, and the other way."""
    query(deployed_url, shape)
    query(deployed_url, ODD_ROWS)
    if shape is TO_DOCUMENT:
        query(
            deployed_url,
            "UPDATE payout_accumulation SET accumulated_eth = accumulated_amount_usdt, accumulated_amount_usdt = NULL"
            " WHERE conversion_status = 'pending'",
        )
    migrate(sessions(deployed_url))
    odd = query(
        deployed_url,
        "SELECT id FROM payout_accumulation WHERE conversion_status IS DISTINCT FROM 'completed'"
        " AND (accumulated_eth > 0 AND accumulated_eth <> 'NaN')"
        " AND accumulated_eth IS DISTINCT FROM accumulated_amount_usdt",
    )
    assert odd == []
    assert query(deployed_url, "SELECT 1 FROM payout_accumulation WHERE accumulated_amount_usdt IS NULL") == []


def test_columns_that_a_table_lacks(deployed_url: str) -> None:
    """An older batch_conversions, and a payout_accumulation without batches: added without defaults for old rows."""
    query(
        deployed_url,
        "ALTER TABLE batch_conversions DROP COLUMN processing_started_at, DROP COLUMN completed_at,"
        " DROP COLUMN created_at, DROP COLUMN payin_address; ALTER TABLE payout_accumulation"
        " DROP COLUMN batch_conversion_id, DROP COLUMN conversion_status, DROP COLUMN nowpayments_outcome_amount,"
        " DROP COLUMN conversion_tx_hash, DROP COLUMN updated_at;"
        " INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,"
        " accumulated_amount_usdt, client_wallet_address, client_payout_currency, client_payout_network)"
        " VALUES ('c', 1, 10, 'usd', NOW(), 9.7, '0x', 'usdt', 'eth')",
    )
    migrate(sessions(deployed_url))
    (row,) = query(deployed_url, "SELECT conversion_status, updated_at, accumulated_eth FROM payout_accumulation")
    assert row == (None, None, Decimal("9.7"))
    assert query(deployed_url, "SELECT reason FROM unclaimable_payments") == [("unknown_status",)]


def test_old_batches_count_as_ordered(moved_url: str) -> None:
    """Those that are swapping, when they began; no other is touched."""
    rows = query(
        moved_url,
        "SELECT id, conversion_status, task_enqueued_at = COALESCE(processing_started_at, created_at),"
        " order_prepared_at = task_enqueued_at, opened_because FROM batch_conversions ORDER BY id",
    )
    for number, status, began, prepared, reason in rows:
        assert (began, prepared) == ((True, True) if status == "swapping" else (None, None)), number
        assert reason is None


def test_the_key_stays_unchecked_where_a_payment_points_nowhere(deployed_url: str) -> None:
    """Old rows stay, new ones are held to it; without such rows it is checked."""
    query(deployed_url, "ALTER TABLE payout_accumulation DROP CONSTRAINT fk_batch_conversion")
    query(deployed_url, ODD_ROWS)
    migrate(sessions(deployed_url))
    validated = (
        "SELECT convalidated FROM pg_constraint WHERE contype = 'f' AND conrelid = 'payout_accumulation'::REGCLASS"
    )
    assert query(deployed_url, validated) == [(False,)]


@pytest.mark.parametrize("number", range(1, len(TITLES) + 1))
def test_cut_off_in_any_file_it_goes_on(odd_url: str, database_url: str, tmp_path: Path, number: int) -> None:
    """A run that ends after all but the last word of a file is repeated whole, and comes to the same end."""
    for file in FOLDER.glob("*.sql"):
        (tmp_path / file.name).write_text(file.read_text())
    cut = tmp_path / f"{TITLES[number - 1]}.sql"
    whole = cut.read_text()
    cut.write_text(whole.replace("SELECT COUNT(*) FROM filled) AS done", "SELECT 1 / 0) AS done", 1))
    if cut.read_text() == whole:
        cut.write_text(f"{whole}\nSELECT 1 / 0;\n")
    with pytest.raises(MigrationFailedError, match="division by zero"):
        migrate(sessions(odd_url), folder=tmp_path)
    cut.write_text(whole)
    assert migrate(sessions(odd_url), folder=tmp_path) == TITLES[number - 1 :]
    for what, sql in OURS.items():
        assert query(odd_url, sql) == query(database_url, sql), what


@pytest.mark.parametrize("shape", ["", TO_NOVEMBER, TO_DOCUMENT], ids=["october", "november", "document"])
def test_the_same_from_nothing_and_from_every_shape(deployed_url: str, database_url: str, shape: str) -> None:
    """Our tables, indexes, triggers, rules, functions and defaults do not depend on who made the two tables."""
    if shape:
        query(deployed_url, shape)
    migrate(sessions(deployed_url))
    for what, sql in OURS.items():
        assert query(deployed_url, sql) == query(database_url, sql), what


def test_indexes_are_ours_and_whole(moved_url: str) -> None:
    """Whatever names were taken: none of ours is somebody else's, none is left half built."""
    rows = query(
        moved_url,
        "SELECT indexrelid::REGCLASS::TEXT, indrelid::REGCLASS::TEXT, indisvalid FROM pg_index"
        " WHERE indexrelid::REGCLASS::TEXT LIKE 'micro_batch_%' AND indexrelid::REGCLASS::TEXT NOT LIKE '%_pkey'",
    )
    assert all(valid for *_, valid in rows)
    assert {(index, table) for index, table, _ in rows} >= {
        ("micro_batch_payments_claimable", "payout_accumulation"),
        ("micro_batch_payments_unclaimable", "payout_accumulation"),
        ("micro_batch_payments_of_batch", "payout_accumulation"),
        ("micro_batch_batches_status", "batch_conversions"),
        ("micro_batch_batches_cn_api_id", "batch_conversions"),
    }


def test_the_check_changes_nothing(odd_url: str) -> None:
    """It finds what the migration will carry, in a session that could not write."""
    relations = "SELECT relname FROM pg_class ORDER BY 1"
    before = query(odd_url, relations)
    missing, findings = check(sessions(odd_url))
    assert missing == TITLES
    assert findings
    assert query(odd_url, relations) == before
