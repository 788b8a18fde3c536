"""`export`: payments, batches or acts of a period in a file, for a spreadsheet or another program."""

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TextIO

import click

from ops.command_line.answers import Answer, answering, rfc3339
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.command_line.moments import Moment
from shared.model.money import plain
from shared.outside.database import Row, Transaction

KINDS: Final = ("payments", "batches", "acts")
FORMATS: Final = ("csv", "jsonl")
_STEERS_A_SPREADSHEET: Final = ("=", "+", "-", "@", "\t", "\r")


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True, help="How it is written."
)
@click.option("--since", type=Moment(), help="Only from this time on.")
@click.option("--until", type=Moment(), help="Only before this time.")
@click.option("--client", help="Only of this client.")
@click.option("--status", help="Only in this state.")
@answering
def command(kind: str, file: Path, form: str, **filters: Any) -> Answer:
    """Write payments, batches or acts into a file.

    Amounts carry their unit in the column's name, times are UTC. The file is there whole or not at all.
    """
    asked = {"since": filters["since"], "until": filters["until"]}
    if kind != "acts":
        asked |= {"client_id": filters["client"], "status": filters["status"]}
    elif filters["client"] or filters["status"]:
        raise click.UsageError("an act has no client and no status")
    written = file.with_name(file.name + ".part")
    with opened_database() as database, database.transaction() as transaction:
        rows = _exported(transaction, kind, asked)
        try:
            with written.open("w", encoding="utf-8", newline="") as target:
                count = _WRITERS[form](target, rows)
            if not count:
                raise NotDone(f"no {kind} of that kind; nothing was written")
            written.replace(file)
        finally:
            written.unlink(missing_ok=True)
    return Answer({"file": str(file), "kind": kind, "rows": count}, [f"{count} {kind} in {file}"])


def _exported(transaction: Transaction, kind: str, asked: dict[str, datetime | str | None]) -> Iterator[Row]:
    """The rows, fetched a bounded number at a time, all of one instant."""
    transaction.execute(f"open_export_{kind}", **asked)
    while rows := transaction.rows("fetch_export"):
        yield from rows


def _write_csv(target: TextIO, rows: Iterator[Row]) -> int:
    lines = csv.writer(target, lineterminator="\n")
    count = 0
    for count, row in enumerate(rows, start=1):
        if count == 1:
            lines.writerow(row)
        lines.writerow([_cell(value) for value in row.values()])
    return count


def _write_jsonl(target: TextIO, rows: Iterator[Row]) -> int:
    count = 0
    for row in rows:
        document = {name: _plain(value) for name, value in row.items()}
        target.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
        count += 1
    return count


def _cell(value: Any) -> str:
    """A value for a spreadsheet; a text that it would take for a formula gets an apostrophe before it."""
    written = _plain(value)
    if isinstance(value, str) and value.startswith(_STEERS_A_SPREADSHEET):
        return f"'{value}"
    return "" if written is None else str(written).lower() if isinstance(written, bool) else str(written)


def _plain(value: Any) -> Any:
    """A value as text: amounts without an exponent, times in RFC 3339; numbers, truth and nothing as they are."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return rfc3339(value if value.tzinfo else value.replace(tzinfo=UTC))
    return value if value is None or isinstance(value, bool | int) else str(value)


_WRITERS: Final[dict[str, Callable[[TextIO, Iterator[Row]], int]]] = {"csv": _write_csv, "jsonl": _write_jsonl}
