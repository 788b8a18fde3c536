"""`payment ID`: the life of one payment, through every batch that held it."""

from datetime import UTC, datetime
from typing import Any

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.command_line.text import pairs, shown
from ops.situation.lives import Moment, by_time, life_lines
from shared.outside.database import Row

INT_MAX = 2**31 - 1


@click.command()
@click.argument("payment_id", metavar="ID", type=click.IntRange(1, INT_MAX))
@answering
def command(payment_id: int) -> Answer:
    """Show the life of one payment."""
    with opened_database() as database, database.transaction() as transaction:
        found = transaction.row("show_payment", payment_id=payment_id)
        if found is None:
            raise NotDone(f"no payment {payment_id}")
        releases = transaction.rows("list_releases_of_payment", payment_id=payment_id)
        held = transaction.row("get_why_unclaimable", payment_id=payment_id)
    life = by_time(_story(found, releases))
    document = found | {"held_because": held["reason"] if held else None, "life": [one.document for one in life]}
    facts = {name: value for name, value in document.items() if value is not None and name != "life"}
    return Answer(document, [*pairs(facts), "", *life_lines(life)])


def _story(payment: Row, releases: list[Row]) -> list[Moment]:
    """What the payment's row and the batches that gave it back remember, in the order in which it came about."""
    amounts = f"${shown(payment['amount_usd'])} of ${shown(payment['payment_amount_usd'])}"
    told = [(payment["created_at"], f"came in: {amounts}")]
    for release in releases:
        batch = release["batch_conversion_id"]
        told += [
            (release["batch_created_at"], f"claimed by batch {batch}"),
            (release["released_at"], f"given back by batch {batch}, which failed: {release['failure_reason']}"),
        ]
    told += [
        (payment["batch_created_at"], f"claimed by batch {payment['batch_conversion_id']}"),
        (payment["batch_completed_at"], f"completed with {payment['share_usdt']} USDT"),
        (payment["paid_out_at"], f"paid out to the client in payout {payment['payout_batch_id']}"),
    ]
    return [Moment(at, what) for at, what in told if _is_time(at)]


def _is_time(at: Any) -> bool:
    """Tell whether a column holds an instant: old rows have none, or infinity, which the driver gives as text."""
    return isinstance(at, datetime) and at.tzinfo is not None and at > datetime.min.replace(tzinfo=UTC)
