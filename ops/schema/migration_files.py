"""The migrations as files: ops/migrations/NNNN_name.sql, numbered from 0001 without gaps."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ops.schema.sql_text import Statement, split_statements

FOLDER = Path(__file__).resolve().parents[1] / "migrations"
NO_TRANSACTION = "-- migrate: no-transaction"

_FILE_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_TRANSACTION_CONTROL = re.compile(r"(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION)\b", re.I)
_CONCURRENT_INDEX = re.compile(
    r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+(?P<name>[\w.]+)\s)?",
    re.I,
)


class MigrationRefusedError(Exception):
    """The files, or the database against them, are not as they must be; nothing was changed."""


@dataclass(frozen=True)
class Migration:
    """One file, ready to be run."""

    version: int
    name: str
    checksum: str
    """SHA-256 of the file's text in hexadecimal; line endings do not count."""
    transactional: bool
    statements: tuple[Statement, ...]

    @property
    def title(self) -> str:
        """The file's name without its ending: 0004_indexes."""
        return f"{self.version:04d}_{self.name}"


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """Every migration of *folder* in order; refused when misnamed or misnumbered."""
    migrations = sorted((_read(file) for file in folder.glob("*.sql")), key=lambda migration: migration.title)
    if not migrations:
        raise MigrationRefusedError(f"{folder} holds no migrations")
    for expected, migration in enumerate(migrations, start=1):
        if migration.version != expected:
            raise MigrationRefusedError(
                f"{migration.title}.sql stands where number {expected:04d} should be: "
                "migrations are numbered from 0001 without gaps or doubles"
            )
    return migrations


def concurrent_index(statement: Statement) -> str | None:
    """The name of the index that *statement* builds CONCURRENTLY, if it does."""
    match = _CONCURRENT_INDEX.match(statement.text)
    return match["name"] if match else None


def _read(file: Path) -> Migration:
    match = _FILE_NAME.fullmatch(file.name)
    if match is None:
        raise MigrationRefusedError(f"{file.name} is not named NNNN_lower_case_words.sql")
    text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    try:
        statements = tuple(split_statements(text))
    except ValueError as error:
        raise MigrationRefusedError(f"{file.name}: {error}") from error
    transactional = text.partition("\n")[0].rstrip() != NO_TRANSACTION
    for statement in statements:
        _check(file.name, statement, transactional=transactional)
    return Migration(
        version=int(match["version"]),
        name=match["name"],
        checksum=hashlib.sha256(text.encode()).hexdigest(),
        transactional=transactional,
        statements=statements,
    )


def _check(file_name: str, statement: Statement, *, transactional: bool) -> None:
    where = f"{file_name} line {statement.line}"
    if _TRANSACTION_CONTROL.match(statement.text):
        raise MigrationRefusedError(f"{where}: the runner begins and ends transactions, not the file")
    match = _CONCURRENT_INDEX.match(statement.text)
    if match is None:
        return
    if transactional:
        raise MigrationRefusedError(f"{where}: CONCURRENTLY needs {NO_TRANSACTION!r} as the file's first line")
    if match["name"] is None:
        raise MigrationRefusedError(
            f"{where}: write CREATE INDEX CONCURRENTLY IF NOT EXISTS name, so that an interrupted run can be repeated"
        )
