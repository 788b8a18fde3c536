"""One payment: what is on record about it, and its life through every batch that held it."""

from datetime import UTC, datetime
from typing import Any

from ops.command_line.text import shown
from ops.situation.lives import Moment, by_time
from shared.outside.database import Row, Transaction


def read_payment(transaction: Transaction, payment_id: int) -> tuple[Row, list[Moment]] | None:
    """Read the facts of a payment, and its life; None where there is none of that id."""
    found = transaction.row("show_payment", payment_id=payment_id)
    if found is None:
        return None
    releases = transaction.rows("list_releases_of_payment", payment_id=payment_id)
    held = transaction.row("get_why_unclaimable", payment_id=payment_id)
    return found | {"held_because": held["reason"] if held else None}, by_time(_story(found, releases))


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
        (payment["batch_completed_at"], f"completed with {payment['share_usdt'] or 'no known share of the'} USDT"),
        (payment["paid_out_at"], f"paid out to the client in payout {payment['payout_batch_id'] or 'without a name'}"),
    ]
    return [Moment(at, what) for at, what in told if _is_time(at)]


def _is_time(at: Any) -> bool:
    """Tell whether a column holds an instant: old rows have none, or infinity, which the driver gives as text."""
    return isinstance(at, datetime) and at.tzinfo is not None and at > datetime.min.replace(tzinfo=UTC)
