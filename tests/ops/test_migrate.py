"""The migration runner on a real PostgreSQL: once, twice, two at a time, interrupted, refused."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from pg8000.dbapi import Connection
from pg8000.exceptions import DatabaseError

from ops.schema.migrate import RUNNER_LOCK_KEY, migrate
from ops.schema.migration_files import MigrationRefusedError, read_migrations
from ops.schema.migration_run import MigrationBusyError, MigrationFailedError, Patience
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import open_session, query, run_sql
from shared.errors import DatabaseUnavailable
from tests.ops.conftest import Shell

ROOT = Path(__file__).resolve().parents[2]
TITLES = [migration.title for migration in read_migrations()]
HASTE = Patience(runner_wait_s=0.3, runner_poll_s=0.05, lock_timeout_ms=100, attempts_max=3, pause_s=0.05)
TABLE = "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2)"
INDEX = "-- migrate: no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);"
INDEX_STATE = "SELECT indisvalid FROM pg_index WHERE indexrelid = TO_REGCLASS('i')"


def opener(url: str) -> Callable[[], Connection]:
    """What migrate() takes: a function that opens a session, in the driver's default mode."""
    return lambda: open_session(url, autocommit=False)


def write(folder: Path, number: int, sql: str) -> None:
    """Make *sql* migration *number* of *folder*."""
    (folder / f"{number:04d}_step.sql").write_text(sql)


def recorded(url: str) -> list[int]:
    """The versions that the database says were applied."""
    return [row[0] for row in query(url, "SELECT version FROM schema_migrations ORDER BY version")]


def command(url: str, *arguments: str) -> subprocess.Popen[str]:
    """`python -m ops migrate`, as make runs it."""
    return subprocess.Popen(
        [sys.executable, "-m", "ops", "migrate", *arguments],
        cwd=ROOT,
        env={"DATABASE_URL": url, "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_applies_everything_once_in_order(empty_database_url: str) -> None:
    """An empty database gets every file with its checksum; a second run does nothing."""
    assert migrate(opener(empty_database_url)) == TITLES
    rows = query(empty_database_url, "SELECT version, name, checksum FROM schema_migrations")
    assert sorted(tuple(row) for row in rows) == [
        (migration.version, migration.name, migration.checksum) for migration in read_migrations()
    ]
    assert migrate(opener(empty_database_url)) == []
    (ages,) = query(
        empty_database_url,
        "SELECT BOOL_AND(applied_at BETWEEN NOW() - INTERVAL '1 minute' AND NOW()) FROM schema_migrations",
    )
    assert ages[0] is True


def test_continues_where_an_older_release_stopped(empty_database_url: str, tmp_path: Path) -> None:
    """Only the new files are applied."""
    write(tmp_path, 1, TABLE)
    assert migrate(opener(empty_database_url), folder=tmp_path) == ["0001_step"]
    write(tmp_path, 2, "ALTER TABLE t ADD b INTEGER")
    assert migrate(opener(empty_database_url), folder=tmp_path) == ["0002_step"]
    assert recorded(empty_database_url) == [1, 2]


def test_sends_the_text_as_it_stands(empty_database_url: str, tmp_path: Path) -> None:
    """Per cent signs, colons, placeholders and semicolons in quotes are the migration's own."""
    write(tmp_path, 1, "CREATE TABLE t AS SELECT '%s :x; ?'::TEXT AS a, 7 % 4 AS b")
    migrate(opener(empty_database_url), folder=tmp_path)
    assert query(empty_database_url, "SELECT a, b FROM t") == [("%s :x; ?", 3)]


@pytest.mark.parametrize("attempt", range(3))
def test_two_runners_at_once(empty_database_url: str, attempt: int) -> None:
    """Each migration is applied by one of them, and both end well."""
    barrier = Barrier(2, timeout=10)

    def run() -> list[str]:
        barrier.wait()
        return migrate(opener(empty_database_url))

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run) for _ in range(2)]
        applied = [title for future in runs for title in future.result(timeout=60)]
    assert sorted(applied) == TITLES


def test_two_commands_at_once(empty_database_url: str) -> None:
    """The same for two processes: one applies, the other finds the work done."""
    runs = [command(empty_database_url) for _ in range(2)]
    outputs = [run.communicate(timeout=60) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert sorted(out.splitlines()[-1] for out, _ in outputs) == [
        f"{len(TITLES)} applied",
        "nothing to apply: up to date",
    ]


def test_waits_for_another_runner_only_so_long(empty_database_url: str, tmp_path: Path) -> None:
    """A runner that never ends is named, and nothing is touched."""
    write(tmp_path, 1, TABLE)
    other = open_session(empty_database_url)
    run_sql(other, f"SELECT PG_ADVISORY_LOCK({RUNNER_LOCK_KEY})")
    with pytest.raises(MigrationBusyError, match="another migration run"):
        migrate(opener(empty_database_url), folder=tmp_path, patience=HASTE)
    other.close()
    assert migrate(opener(empty_database_url), folder=tmp_path) == ["0001_step"]


def test_refuses_a_changed_file(empty_database_url: str, tmp_path: Path) -> None:
    """A file that was applied is history."""
    write(tmp_path, 1, TABLE)
    migrate(opener(empty_database_url), folder=tmp_path)
    write(tmp_path, 1, f"{TABLE};")
    write(tmp_path, 2, "CREATE TABLE u ()")
    with pytest.raises(MigrationRefusedError, match=r"0001_step\.sql is not what was applied"):
        migrate(opener(empty_database_url), folder=tmp_path)
    assert recorded(empty_database_url) == [1]
    assert query(empty_database_url, "SELECT TO_REGCLASS('u')::TEXT") == [(None,)]


def test_refuses_a_newer_database(empty_database_url: str, tmp_path: Path) -> None:
    """An older release does not work on what a newer one has migrated."""
    write(tmp_path, 1, TABLE)
    write(tmp_path, 2, "CREATE TABLE u ()")
    migrate(opener(empty_database_url), folder=tmp_path)
    (tmp_path / "0002_step.sql").unlink()
    with pytest.raises(MigrationRefusedError, match="0002, newer than these files"):
        migrate(opener(empty_database_url), folder=tmp_path)


def test_refuses_a_history_with_a_hole(empty_database_url: str, tmp_path: Path) -> None:
    """Someone has deleted a row: what is in the database is not known."""
    write(tmp_path, 1, TABLE)
    write(tmp_path, 2, "CREATE TABLE u ()")
    migrate(opener(empty_database_url), folder=tmp_path)
    query(empty_database_url, "DELETE FROM schema_migrations WHERE version = 1")
    with pytest.raises(MigrationRefusedError, match="lacks version 0001"):
        migrate(opener(empty_database_url), folder=tmp_path)


def test_failure_in_the_middle_undoes_the_file(empty_database_url: str, tmp_path: Path) -> None:
    """The files before it stay, nothing of it does, and once mended the run goes on."""
    write(tmp_path, 1, TABLE)
    write(tmp_path, 2, "CREATE TABLE u ();\n\nINSERT INTO t VALUES (1/0);")
    with pytest.raises(MigrationFailedError, match=r"0002_step\.sql line 3: division by zero"):
        migrate(opener(empty_database_url), folder=tmp_path)
    assert recorded(empty_database_url) == [1]
    assert query(empty_database_url, "SELECT TO_REGCLASS('u')::TEXT") == [(None,)]
    write(tmp_path, 2, "CREATE TABLE u ()")
    assert migrate(opener(empty_database_url), folder=tmp_path) == ["0002_step"]


def test_file_without_transaction_is_repeated(empty_database_url: str, tmp_path: Path) -> None:
    """Statements that ended before the failure stay; the next run does them again without harm."""
    write(tmp_path, 1, f"{TABLE}; CREATE TABLE u (b INTEGER); INSERT INTO u VALUES (1), (1)")
    second_index = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS j ON u (b)"
    write(tmp_path, 2, f"{INDEX}\n{second_index}")
    with pytest.raises(MigrationFailedError, match="could not create unique index"):
        migrate(opener(empty_database_url), folder=tmp_path)
    assert query(empty_database_url, INDEX_STATE) == [(True,)]
    # A broken unique index would go on refusing writers' rows.
    assert query(empty_database_url, "SELECT TO_REGCLASS('j')::TEXT") == [(None,)]
    assert recorded(empty_database_url) == [1]
    query(empty_database_url, "DELETE FROM u")
    assert migrate(opener(empty_database_url), folder=tmp_path) == ["0002_step"]


def test_rebuilds_an_index_left_invalid(empty_database_url: str, tmp_path: Path) -> None:
    """IF NOT EXISTS does not take what an interrupted build left for the finished index."""
    write(tmp_path, 1, TABLE)
    migrate(opener(empty_database_url), folder=tmp_path)
    reader, builder = open_session(empty_database_url), open_session(empty_database_url)
    run_sql(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM t")
    run_sql(builder, "SET statement_timeout = 200")
    with pytest.raises(DatabaseError, match="statement timeout"):
        run_sql(builder, "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
    builder.close()
    reader.close()
    assert query(empty_database_url, INDEX_STATE) == [(False,)]
    write(tmp_path, 2, INDEX)
    assert migrate(opener(empty_database_url), folder=tmp_path) == ["0002_step"]
    assert query(empty_database_url, INDEX_STATE) == [(True,)]


def test_gives_up_on_a_locked_table_and_keeps_nothing(empty_database_url: str, tmp_path: Path) -> None:
    """After a written number of attempts; the lock gone, the same run succeeds."""
    write(tmp_path, 1, TABLE)
    migrate(opener(empty_database_url), folder=tmp_path)
    write(tmp_path, 2, "CREATE TABLE u (); ALTER TABLE t ADD b INTEGER")
    reader = open_session(empty_database_url)
    run_sql(reader, "BEGIN; SELECT * FROM t")
    with pytest.raises(MigrationBusyError, match=r"0002_step: .* through 3 attempts .*55P03"):
        migrate(opener(empty_database_url), folder=tmp_path, patience=HASTE)
    assert recorded(empty_database_url) == [1]
    reader.close()
    assert migrate(opener(empty_database_url), folder=tmp_path) == ["0002_step"]


IN_STEPS = """-- migrate: in-steps t
WITH free AS (SELECT id FROM t WHERE id > $1 AND id <= $2 AND NOT done FOR NO KEY UPDATE SKIP LOCKED),
filled AS (UPDATE t SET done = TRUE FROM free WHERE t.id = free.id RETURNING 1)
SELECT COUNT(*), (SELECT COUNT(*) FROM t WHERE id > $1 AND id <= $2 AND NOT done) - COUNT(*) FROM filled
"""


def test_steps_pass_over_what_others_hold_and_come_back(empty_database_url: str, tmp_path: Path) -> None:
    """No step waits for a row; what was held to the end is named, and is done by the next run."""
    write(tmp_path, 1, "CREATE TABLE t AS SELECT 3 * n AS id, FALSE AS done FROM GENERATE_SERIES(1, 25) AS n")
    migrate(opener(empty_database_url), folder=tmp_path)
    write(tmp_path, 2, IN_STEPS)
    holder = open_session(empty_database_url)
    run_sql(holder, "BEGIN; SELECT id FROM t WHERE id IN (3, 60) FOR UPDATE")
    with pytest.raises(MigrationBusyError, match="0002_step: rows of t between id 3 and 63 stayed locked through 3"):
        migrate(opener(empty_database_url), folder=tmp_path, patience=replace(HASTE, step_rows=7))
    assert query(empty_database_url, "SELECT id FROM t WHERE NOT done ORDER BY id") == [(3,), (60,)]
    assert recorded(empty_database_url) == [1]
    holder.close()
    assert migrate(opener(empty_database_url), folder=tmp_path) == ["0002_step"]
    assert query(empty_database_url, "SELECT id FROM t WHERE NOT done") == []


def test_server_killed_in_the_middle(tmp_path: Path) -> None:
    """The run says that the database is away; after a restart the same run does the whole work."""
    write(tmp_path, 1, TABLE)
    write(tmp_path, 2, "CREATE TABLE u (); SELECT PG_SLEEP(60)")
    with Postgres(durable=True) as server, ThreadPoolExecutor(1) as pool:
        watcher = open_session(server.url())
        run = pool.submit(migrate, opener(server.url()), folder=tmp_path)
        sleeping = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT PG_SLEEP%'"
        deadline = time.monotonic() + 20
        while not run_sql(watcher, sleeping) and time.monotonic() < deadline:
            time.sleep(0.02)
        watcher.close()
        server.kill()
        with pytest.raises(DatabaseUnavailable):
            run.result(timeout=20)
        server.start()
        assert recorded(server.url()) == [1]
        write(tmp_path, 2, "CREATE TABLE u ()")
        assert migrate(opener(server.url()), folder=tmp_path) == ["0002_step"]


def test_the_verb_tells_what_is_applied(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, bare_shell: Shell
) -> None:
    """--status changes nothing; a run names each file that it applies."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    lines = bare_shell("migrate", "--status").out.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [[t, "not applied yet"] for t in TITLES]
    assert query(empty_database_url, "SELECT TO_REGCLASS('schema_migrations')::TEXT") == [(None,)]
    typed = bare_shell("migrate")
    assert typed.code == 0
    assert typed.err.splitlines() == [f"applying {title}" for title in TITLES]
    assert typed.out == f"{len(TITLES)} applied\n"
    typed = bare_shell("migrate", "--status", "--json")
    assert [one["migration"] for one in typed.document["migrations"] if one["applied_at"]] == TITLES


def test_the_verb_refuses_a_newer_database(
    database_url: str, monkeypatch: pytest.MonkeyPatch, bare_shell: Shell
) -> None:
    """Exit status 1 and one line for the operator, also for --status."""
    query(database_url, "INSERT INTO schema_migrations VALUES (9999, 'future', 'x', NOW())")
    monkeypatch.setenv("DATABASE_URL", database_url)
    for arguments in ([], ["--status"]):
        typed = bare_shell("migrate", *arguments)
        assert typed.code == 1
        (line,) = typed.err.splitlines()
        assert line.startswith("microbatch: the database is at version 9999, newer than these files")


def test_command_without_a_database(postgres: Postgres) -> None:
    """Not set: 1. Not there: 3. Never a traceback, nor the password."""
    unset = command("")
    _, message = unset.communicate(timeout=30)
    assert (unset.returncode, len(message.splitlines())) == (1, 1), message
    assert "DATABASE_URL" in message
    away = command("postgresql://someone:hunter2222@127.0.0.1:1/nowhere")
    _, message = away.communicate(timeout=30)
    assert (away.returncode, len(message.splitlines())) == (3, 1), message
    assert "hunter2" not in message
