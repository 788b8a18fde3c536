"""The migrations' folder is refused before anything runs when a file is not as it must be."""

from pathlib import Path

import pytest

from ops.schema.migration_files import Kind, MigrationRefusedError, read_migrations

NO_TRANSACTION = "-- migrate: no-transaction\n"


def write(folder: Path, **files: str) -> Path:
    """Put *files* (name without ending, text) into *folder*."""
    for name, text in files.items():
        (folder / f"{name.removeprefix('f')}.sql").write_text(text)
    return folder


def test_reads_in_order_of_number(tmp_path: Path) -> None:
    """Number, name, kind and statements come from the file."""
    write(tmp_path, f0002_b=f"{NO_TRANSACTION}SELECT 2; SELECT 3", f0001_a_b="SELECT 1")
    first, second = read_migrations(tmp_path)
    assert (first.version, first.name, first.title) == (1, "a_b", "0001_a_b")
    assert (first.kind, second.kind) == (Kind.TRANSACTION, Kind.NO_TRANSACTION)
    assert [statement.text for statement in second.statements] == ["SELECT 2", "SELECT 3"]


def test_checksum_is_of_the_text_and_not_of_its_line_endings(tmp_path: Path) -> None:
    """One letter changes it; a checkout with other line endings does not."""
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT 1\nAS x")
    (original,) = read_migrations(tmp_path)
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT 1\r\nAS x")
    (crlf,) = read_migrations(tmp_path)
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT 1\nAS y")
    (changed,) = read_migrations(tmp_path)
    assert original.checksum == crlf.checksum != changed.checksum


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no migrations"),
        ({"f0001_a": "", "f0003_c": ""}, "0003_c.sql stands where number 0002"),
        ({"f0002_a": ""}, "0002_a.sql stands where number 0001"),
        ({"f0001_a": "", "f0001_b": ""}, "0001_b.sql stands where number 0002"),
        ({"f1_a": ""}, "1_a.sql is not named"),
        ({"f0001_A": ""}, "0001_A.sql is not named"),
        ({"f0001_a": "SELECT 1;\nCOMMIT;"}, "0001_a.sql line 2: the runner begins and ends"),
        ({"f0001_a": "begin; SELECT 1"}, "0001_a.sql line 1: the runner begins and ends"),
        ({"f0001_a": "SELECT 'x"}, "0001_a.sql: line 1"),
        ({"f0001_a": "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)"}, "as the file's first"),
        (
            {"f0001_a": NO_TRANSACTION + "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)"},
            "line 2: write CREATE INDEX CONCURRENTLY IF NOT EXISTS",
        ),
        ({"f0001_a": NO_TRANSACTION + "CREATE INDEX CONCURRENTLY ON t (a)"}, "line 2: write"),
    ],
)
def test_refuses(tmp_path: Path, files: dict[str, str], message: str) -> None:
    """Each mistake is refused with the file and, where there is one, the line."""
    write(tmp_path, **files)
    with pytest.raises(MigrationRefusedError, match=message):
        read_migrations(tmp_path)
