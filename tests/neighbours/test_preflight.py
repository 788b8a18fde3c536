"""Before the first change: what cannot be carried stops it and says what to type; what is odd is named and carried."""

from typing import NamedTuple

import pytest
from pg8000.dbapi import Connection

from ops.schema.migrate import check, migrate
from ops.schema.preflight.columns import COLUMNS, NEVER_ADDED
from ops.schema.preflight.finding import PreflightStopped
from ops.schema.preflight.place import SHARED_TABLES
from sandbox.peers.database import create_deployed_tables
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import open_session, query
from tests.neighbours.conftest import ODD_ROWS, sessions

RELATIONS = (
    "SELECT relname::TEXT, relnatts, relchecks FROM pg_class WHERE relnamespace NOT IN"
    " (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg_%' OR nspname = 'information_schema') ORDER BY 1, 2"
)
OLD_BATCH_IDS_AS_TEXT = (
    "ALTER TABLE payout_accumulation DROP CONSTRAINT fk_batch_conversion;"
    " ALTER TABLE payout_accumulation ALTER COLUMN batch_conversion_id TYPE VARCHAR(50);"
)


class Obstacle(NamedTuple):
    """What is done to the deployed database, and how the refusal begins to tell of it."""

    sql: str
    name: str
    says: str


OBSTACLES = (
    Obstacle(OLD_BATCH_IDS_AS_TEXT, "column_type", "payout_accumulation.batch_conversion_id is character varying"),
    Obstacle(
        "ALTER TABLE payout_accumulation ALTER COLUMN created_at TYPE TIMESTAMPTZ",
        "column_type",
        "payout_accumulation.created_at is timestamp with time zone, and must be TIMESTAMP",
    ),
    Obstacle(
        "ALTER TABLE payout_accumulation ALTER COLUMN accumulated_amount_usdt TYPE NUMERIC(18, 2)",
        "column_type",
        "payout_accumulation.accumulated_amount_usdt is numeric of 2, and must be NUMERIC(20, 8)",
    ),
    Obstacle(
        "ALTER TABLE payout_accumulation ALTER COLUMN accumulated_amount_usdt TYPE DOUBLE PRECISION",
        "column_type",
        "payout_accumulation.accumulated_amount_usdt is double precision",
    ),
    Obstacle(
        "ALTER TABLE batch_conversions ALTER COLUMN payin_address TYPE VARCHAR(42)",
        "column_type",
        "batch_conversions.payin_address is character varying of 42",
    ),
    Obstacle(
        "ALTER TABLE batch_conversions ALTER COLUMN cn_api_id SET NOT NULL",
        "column_must_be_given",
        "batch_conversions.cn_api_id is NOT NULL without a default",
    ),
    Obstacle(
        "CREATE TABLE threshold_checks (a INTEGER)", "name_taken", "the name threshold_checks is taken by another table"
    ),
    Obstacle("CREATE VIEW cut_over AS SELECT 1", "name_taken", "the name cut_over is taken by another view"),
    Obstacle(
        "CREATE INDEX micro_batch_payments_claimable ON payout_accumulation (client_id)",
        "name_taken",
        "the name micro_batch_payments_claimable is taken by another index",
    ),
    Obstacle(
        "CREATE FUNCTION payment_is_claimable() RETURNS INTEGER LANGUAGE sql RETURN 1",
        "name_taken",
        "the name payment_is_claimable is taken by another function",
    ),
    Obstacle(
        "ALTER TABLE batch_conversions ADD CONSTRAINT batch_conversions_amounts CHECK (total_eth_usd > 0)",
        "name_taken",
        "the name batch_conversions_amounts is taken by another constraint",
    ),
    Obstacle(
        "CREATE FUNCTION f() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        " CREATE TRIGGER payout_accumulation_join AFTER INSERT ON payout_accumulation EXECUTE FUNCTION f()",
        "name_taken",
        "the name payout_accumulation_join is taken by another trigger",
    ),
    Obstacle(
        "CREATE TABLE schema_migrations (version VARCHAR(20) PRIMARY KEY)",
        "name_taken",
        "schema_migrations is another program's",
    ),
    Obstacle(
        "ALTER TABLE payout_accumulation DROP CONSTRAINT fk_batch_conversion;"
        " ALTER TABLE batch_conversions DROP CONSTRAINT batch_conversions_batch_conversion_id_key",
        "key_missing",
        "batch_conversions.batch_conversion_id is not unique",
    ),
    Obstacle(
        "ALTER TABLE payout_accumulation DROP CONSTRAINT payout_accumulation_pkey",
        "key_missing",
        "payout_accumulation.id is not unique",
    ),
)


def refusal(url: str) -> PreflightStopped:
    """Migrate, be refused, and find the database as it was."""
    before = query(url, RELATIONS)
    with pytest.raises(PreflightStopped) as caught:
        migrate(sessions(url))
    assert query(url, RELATIONS) == before
    return caught.value


@pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda obstacle: obstacle.says[:60])
def test_what_cannot_be_carried_stops_it(deployed_url: str, obstacle: Obstacle) -> None:
    """Nothing is changed; what the refusal says to type, typed, makes way."""
    query(deployed_url, obstacle.sql)
    (stop,) = refusal(deployed_url).findings
    assert (stop.name, stop.stops) == (obstacle.name, True)
    assert stop.says.startswith(obstacle.says)
    assert stop.to_type is not None
    for statement in stop.to_type.split("; "):
        query(deployed_url, statement)
    assert migrate(sessions(deployed_url)) != []


def test_instants_become_times_in_utc(deployed_url: str) -> None:
    """Whatever zone the session has in which the refusal's own words are typed."""
    query(deployed_url, ODD_ROWS + "; ALTER TABLE payout_accumulation ALTER COLUMN created_at TYPE TIMESTAMPTZ")
    (stop,) = refusal(deployed_url).findings
    query(deployed_url, f"SET timezone = 'Asia/Tokyo'; {stop.to_type}")
    assert query(deployed_url, "SELECT created_at::TEXT FROM payout_accumulation WHERE id = 3") == [
        ("2026-10-20 08:00:00",)
    ]


def test_batch_ids_as_text_on_both_sides(deployed_url: str) -> None:
    """Two columns and the key between them: what the two refusals say to type, typed in turn, makes way."""
    query(
        deployed_url,
        OLD_BATCH_IDS_AS_TEXT + "ALTER TABLE batch_conversions ALTER COLUMN batch_conversion_id TYPE VARCHAR(50);"
        " ALTER TABLE payout_accumulation ADD CONSTRAINT fk_batch_conversion"
        " FOREIGN KEY (batch_conversion_id) REFERENCES batch_conversions (batch_conversion_id)",
    )
    stops = refusal(deployed_url).findings
    assert [stop.name for stop in stops] == ["column_type", "column_type"]
    for stop in stops:
        query(deployed_url, str(stop.to_type))
    assert migrate(sessions(deployed_url)) != []


def test_batch_ids_that_are_no_uuids_are_named(deployed_url: str) -> None:
    """The statement to type would fail on those: their rows come with it."""
    query(deployed_url, OLD_BATCH_IDS_AS_TEXT + ODD_ROWS.replace("AS UUID), is_paid_out", "AS VARCHAR), is_paid_out"))
    query(deployed_url, "UPDATE payout_accumulation SET batch_conversion_id = 'batch_4' WHERE id IN (10, 11)")
    (stop,) = refusal(deployed_url).findings
    assert "rows that hold no UUID there: 2 (id 10, 11)" in stop.says


@pytest.mark.parametrize(("table", "column"), [(table, name) for table in NEVER_ADDED for name in NEVER_ADDED[table]])
def test_a_table_that_is_not_meant_stops_it(deployed_url: str, table: str, column: str) -> None:
    """Without a column that none of our migrations adds, it is another table of that name."""
    query(deployed_url, f"ALTER TABLE {table} DROP COLUMN {column} CASCADE")
    assert f"{table} has no column {column}" in " ".join(stop.says for stop in refusal(deployed_url).findings)


def test_a_view_in_place_of_a_table_stops_it(deployed_url: str) -> None:
    """What cannot be altered is not."""
    query(
        deployed_url,
        "ALTER TABLE payout_accumulation RENAME TO payments; CREATE VIEW payout_accumulation AS SELECT * FROM payments",
    )
    assert "not_a_table" in {stop.name for stop in refusal(deployed_url).findings}


def test_a_role_that_does_not_own_the_tables_stops_it(deployed_url: str) -> None:
    """Nor one that may not create; the owner and the role are named."""
    query(
        deployed_url,
        "DROP ROLE IF EXISTS stranger; CREATE ROLE stranger;"
        " GRANT SELECT ON ALL TABLES IN SCHEMA public TO stranger; REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    )
    try:
        with pytest.raises(PreflightStopped) as caught:
            migrate(lambda: as_role(deployed_url, "stranger"))
    finally:
        query(deployed_url, "DROP OWNED BY stranger; DROP ROLE stranger")
    says = [stop.says for stop in caught.value.findings]
    assert "the role stranger may not create tables in the schema public" in says
    for table in SHARED_TABLES:
        assert f"{table} belongs to telepay, and the role stranger is no member of it" in says


def as_role(url: str, role: str) -> Connection:
    """A session of another role's."""
    session = open_session(url)
    session.cursor().execute(f"SET ROLE {role}")
    return session


def test_the_oddities_are_named_and_carried(odd_url: str) -> None:
    """Every odd row of the deployed tables with its id; none stops anything."""
    _, findings = check(sessions(odd_url))
    assert [finding for finding in findings if finding.stops] == []
    told = {finding.name: finding.says.partition("(id ")[2].partition(")")[0] for finding in findings}
    assert told == {
        "payments_waiting": "3, 8, 13, 14, 15, 16, 17, 18, 25, 26",
        "payment_status_unknown": "4, 5",
        "payment_swapping_without_batch": "7",
        "payment_swapping_without_live_batch": "23, 24",
        "payment_pending_in_batch": "8",
        "payment_points_at_no_batch": "12",
        "payment_without_dollars": "13, 25, 26",
        "payment_dollars_above_payment": "14",
        "payment_already_paid_out": "15",
        "payment_without_time": "16, 17, 18, 26",
        "batch_in_flight": "4, 5, 6, 9",
        "batch_status_unknown": "7, 8",
        "batch_completed_without_amount": "2",
        "batch_unfinished_with_amount": "3, 9",
        "batch_without_exchange": "6",
        "batch_without_payin_address": "5",
        "batch_total_differs": "9",
        "batch_exchange_double": "1, 7",
    }
    said: list[str] = []
    assert migrate(sessions(odd_url), say=said.append) != []
    assert [line for finding in findings for line in finding.lines] == said[: said.index("applying 0001_tables")]


def test_a_zone_that_is_not_utc_is_named(deployed_url: str) -> None:
    """A default of the database's shows though our own sessions ask for UTC."""
    database = deployed_url.rpartition("/")[2]
    query(deployed_url, f"ALTER DATABASE {database} SET timezone = 'Asia/Tokyo'")
    _, findings = check(sessions(deployed_url))
    assert [(finding.name, "Asia/Tokyo" in finding.says) for finding in findings] == [("zone_not_utc", True)]


def test_columns_that_the_preflight_knows_are_those_of_a_new_database(database_url: str) -> None:
    """A database made from nothing has nothing that stops; each column is there."""
    rows = query(
        database_url,
        "SELECT table_name::TEXT, column_name::TEXT FROM information_schema.columns WHERE table_schema = 'public'",
    )
    expected = {(table, name) for table, columns in COLUMNS.items() for name in columns}
    assert expected <= {tuple(row) for row in rows}


def test_the_tables_of_another_schema_are_found(postgres: Postgres, empty_database_url: str) -> None:
    """No empty table in the first schema of a search_path beside the real one in the second."""
    create_deployed_tables(empty_database_url)
    database = empty_database_url.rpartition("/")[2]
    query(empty_database_url, f"CREATE SCHEMA app; ALTER DATABASE {database} SET search_path = app, public")
    migrate(sessions(empty_database_url))
    assert query(empty_database_url, "SELECT relname FROM pg_class WHERE relnamespace = 'app'::REGNAMESPACE") == []
    assert query(empty_database_url, "SELECT COUNT(*) FROM unclaimable_payments") == [(0,)]


def test_tables_in_two_schemas_are_for_a_person(deployed_url: str) -> None:
    """Which are the real ones cannot be told; nothing is changed."""
    database = deployed_url.rpartition("/")[2]
    query(
        deployed_url,
        f"CREATE SCHEMA app; CREATE TABLE app.payout_accumulation (id INTEGER);"
        f" ALTER DATABASE {database} SET search_path = app, public",
    )
    assert "payout_accumulation in app, public" in str(refusal(deployed_url))


def test_tables_off_the_search_path_are_not_made_again(deployed_url: str) -> None:
    """They are there, and this role does not see them."""
    database = deployed_url.rpartition("/")[2]
    query(deployed_url, f"CREATE SCHEMA app; ALTER DATABASE {database} SET search_path = app")
    stop = refusal(deployed_url)
    assert "payout_accumulation in public" in str(stop)
    query(deployed_url, str(stop.findings[0].to_type))
    assert migrate(sessions(deployed_url)) != []
    query(deployed_url, f"ALTER ROLE CURRENT_USER IN DATABASE {database} RESET search_path")
