"""`statement CLIENT --month YYYY-MM`: what a client's month came to, payment by payment."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import click

from ops.books.month import month_lines, read_month
from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.command_line.moments import Month, MonthName
from ops.command_line.spreadsheet import write_file
from ops.command_line.text import count, table
from shared.outside.database import Row, Transaction

COLUMNS: Final = {
    "payment_id": "payment",
    "came_in_at_utc": "came in",
    "amount_usd": "dollars",
    "batch_number": "batch",
    "completed_at_utc": "completed",
    "share_usdt": "USDT",
    "paid_out_at_utc": "paid out",
}
HOLDING: Final = ("opening", "came_in", "paid_out", "owed", "unaccounted")
"""What a month may hold of a client."""
SHOWN_MAX: Final = 50
LISTED_MAX: Final = 10_000


@click.command()
@click.argument("client")
@click.option("--month", type=MonthName(), required=True, help="Of which month, in UTC.")
@click.option("--csv", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write every payment here.")
@answering
def command(client: str, month: Month, file: Path | None) -> Answer:
    """Show what a client's month came to, payment by payment.

    What waited before and came in is completed or waits at the end, as of the month's last instant. What was paid out
    in the month is listed too, though it was completed before.
    """
    with opened_database() as database, database.transaction() as transaction:
        sums = read_month(transaction, month, client)
        rows = _rows(transaction, month, client)
        listed = list(islice(rows, LISTED_MAX)) if file is None else []
        written = write_file(file, "csv", rows) if file else 0
    if not (written if file else any(sums[f"{name}_payments"] for name in HOLDING)):
        raise NotDone(f"client {client} has no payment in {month}")
    document: dict[str, Any] = {"client_id": client, "month": str(month), "since": month.since, "until": month.until}
    lines = [f"client {client}, {month}", "", *month_lines(sums), ""]
    if file is not None:
        return Answer(
            document | sums | {"file": str(file), "rows": written}, [*lines, f"{count(written, 'payment')} in {file}"]
        )
    return Answer(document | sums | {"payments": listed}, [*lines, *_listed_lines(listed)])


def _rows(transaction: Transaction, month: Month, client: str) -> Iterator[Row]:
    """The payments, fetched a bounded number at a time."""
    transaction.execute("open_statement", since=month.since, until=month.until, client_id=client)
    while rows := transaction.rows("fetch_statement"):
        yield from rows


def _listed_lines(listed: list[Row]) -> list[str]:
    lines = table(listed[:SHOWN_MAX], COLUMNS) if listed else []
    if (more := len(listed) - SHOWN_MAX) > 0:
        least = "at least " if len(listed) == LISTED_MAX else ""
        lines.append(f"... and {least}{count(more, 'payment')} more; all of them: --csv FILE")
    return lines
