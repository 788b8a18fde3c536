"""The migrations as files: ops/migrations/NNNN_name.sql, numbered from 0001 without gaps."""

import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ops.schema.sql_text import Statement, split_statements

FOLDER = Path(__file__).resolve().parents[1] / "migrations"

_FILE_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_DIRECTIVE = re.compile(r"-- migrate: (?P<kind>\S+)(?: (?P<table>[a-z_]+))?\s*")
_TRANSACTION_CONTROL = re.compile(r"(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION)\b", re.I)
_CONCURRENT_INDEX = re.compile(
    r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+(?P<name>[\w.]+)\s)?",
    re.I,
)


class MigrationRefusedError(Exception):
    """The files, or the database against them, are not as they must be; nothing was changed."""


class Kind(Enum):
    """How a file is run, as its first line says after "-- migrate: "; without that line, in one transaction."""

    TRANSACTION = "transaction"
    NO_TRANSACTION = "no-transaction"
    """Statement by statement; the whole file can be repeated."""
    IN_STEPS = "in-steps"
    """Its one statement again and again, each time for the next rows of a table ($1 < id <= $2), committed in
    between; it returns how many rows it changed and how many it had to leave for another time."""


@dataclass(frozen=True)
class Migration:
    """One file, ready to be run."""

    version: int
    name: str
    checksum: str
    """SHA-256 of the file's text in hexadecimal; line endings do not count."""
    kind: Kind
    stepped_table: str | None
    """The table through which an in-steps file goes."""
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
    kind, stepped_table = _kind(file.name, text, statements)
    for statement in statements:
        _check(file.name, statement, kind)
    return Migration(
        version=int(match["version"]),
        name=match["name"],
        checksum=hashlib.sha256(text.encode()).hexdigest(),
        kind=kind,
        stepped_table=stepped_table,
        statements=statements,
    )


def _kind(file_name: str, text: str, statements: tuple[Statement, ...]) -> tuple[Kind, str | None]:
    """What the first line says, and the table that goes with in-steps."""
    match = _DIRECTIVE.fullmatch(text.partition("\n")[0])
    if match is None:
        return Kind.TRANSACTION, None
    try:
        kind = Kind(match["kind"])
    except ValueError as error:
        known = ", ".join(kind.value for kind in Kind)
        raise MigrationRefusedError(
            f"{file_name}: {match['kind']} is no kind of migration; there are {known}"
        ) from error
    if (kind is Kind.IN_STEPS) != (match["table"] is not None):
        raise MigrationRefusedError(f"{file_name}: in-steps, and no other kind, is followed by a table")
    if kind is Kind.IN_STEPS and (len(statements) != 1 or not all(name in statements[0].text for name in ("$1", "$2"))):
        raise MigrationRefusedError(f"{file_name}: an in-steps file is one statement with $1 and $2")
    return kind, match["table"]


def _check(file_name: str, statement: Statement, kind: Kind) -> None:
    where = f"{file_name} line {statement.line}"
    if _TRANSACTION_CONTROL.match(statement.text):
        raise MigrationRefusedError(f"{where}: the runner begins and ends transactions, not the file")
    match = _CONCURRENT_INDEX.match(statement.text)
    if match is None:
        return
    if kind is not Kind.NO_TRANSACTION:
        raise MigrationRefusedError(
            f"{where}: CONCURRENTLY needs '-- migrate: {Kind.NO_TRANSACTION.value}' as the file's first line"
        )
    if match["name"] is None:
        raise MigrationRefusedError(
            f"{where}: write CREATE INDEX CONCURRENTLY IF NOT EXISTS name, so that an interrupted run can be repeated"
        )
