"""`report`: what the pages show, as one file that needs no network."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from ops.command_line.answers import Answer, answering, tell
from ops.command_line.batch_names import BatchName
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.command_line.spreadsheet import require_replaceable

SPANS: Final = ("day", "week", "month", "quarter", "year")
INT_MAX: Final = 2**31 - 1


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@click.option("--span", type=click.Choice(SPANS), default="month", show_default=True, help="What the figures cover.")
@click.option(
    "--lives", type=click.IntRange(0, 1000), default=20, show_default=True, help="Newest batches told in full."
)
@click.option("--batch", "batches", type=BatchName(), multiple=True, help="This batch in full too.")
@click.option("--payment", "payments", type=click.IntRange(1, INT_MAX), multiple=True, help="This payment's life too.")
@answering
def command(output: Path, span: str, lives: int, *, overwrite: bool, **named: tuple[str, ...]) -> Answer:
    """Write what the pages show into one file.

    It opens from disk and fetches nothing. The file is there whole or not at all.
    """
    _check_place(output, overwrite=overwrite)
    with opened_database() as database, database.transaction() as transaction:
        from ops.pages.report import Wanted, write_report  # noqa: PLC0415 - takes a second that help is spared

        wanted = Wanted(span, lives, named["batches"], [int(payment) for payment in named["payments"]])
        text = write_report(transaction, datetime.now(UTC), wanted, tell)
    written = output.with_name(output.name + ".part")
    try:
        written.write_text(text, encoding="utf-8")
        written.replace(output)
    finally:
        written.unlink(missing_ok=True)
    size = len(text.encode())
    return Answer({"file": str(output), "bytes": size}, [f"{size / 1_000_000:.1f} MB in {output}"])


def _check_place(output: Path, *, overwrite: bool) -> None:
    """Refuse before anything is read."""
    if not output.absolute().parent.is_dir():
        raise NotDone(f"there is no folder {output.absolute().parent}")
    require_replaceable(output)
    if output.exists() and not overwrite:
        raise NotDone(f"{output} is there already; to replace it, add --overwrite")
