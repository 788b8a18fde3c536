"""`export`: payments, batches or acts of a period in a file, for a spreadsheet or another program."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.command_line.moments import Moment
from ops.command_line.spreadsheet import write_file
from ops.command_line.text import count
from shared.outside.database import Row, Transaction

KINDS: Final = {"payments": "payment", "batches": "batch", "acts": "act"}
FORMATS: Final = ("csv", "jsonl")


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
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
    with opened_database() as database, database.transaction() as transaction:
        rows = write_file(file, form, _exported(transaction, kind, asked))
    if not rows:
        raise NotDone(f"no {kind} of that kind; nothing was written")
    return Answer({"file": str(file), "kind": kind, "rows": rows}, [f"{count(rows, KINDS[kind])} in {file}"])


def _exported(transaction: Transaction, kind: str, asked: dict[str, datetime | str | None]) -> Iterator[Row]:
    """The rows, fetched a bounded number at a time, all of one instant."""
    transaction.execute(f"open_export_{kind}", **asked)
    while rows := transaction.rows("fetch_export"):
        yield from rows
