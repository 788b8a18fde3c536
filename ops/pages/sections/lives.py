"""The life of one batch, and of one payment."""

import uuid
from typing import Final

from ops.pages.commands import about_batch, about_payment
from ops.pages.section import Section
from ops.situation.batch_life import read_batch
from ops.situation.payment_life import read_payment
from shared.outside.database import Row, Transaction

PAYMENTS: Final = {
    "id": "payment",
    "client_id": "client",
    "amount_usd": "dollars",
    "share_usdt": "USDT share",
    "status": "status",
    "created_at": "came in",
}


def read_batch_section(
    transaction: Transaction, batch_conversion_id: uuid.UUID, payments_max: int, after_id: int = 0
) -> Section:
    """Everything on record about a batch that is there, its life, and its payments from an id on."""
    batch, life = read_batch(transaction, batch_conversion_id)
    rows = transaction.rows(
        "list_payments_of_batch",
        batch_conversion_id=batch_conversion_id,
        after_id=after_id,
        payments_max=payments_max + 1,
    )
    facts = {
        "known": _known(batch),
        "batch_conversion_id": batch_conversion_id,
        "life": life,
        "columns": PAYMENTS,
        "rows": rows[:payments_max],
        "next_after_id": rows[payments_max - 1]["id"] if len(rows) > payments_max else None,
        "commands": list(about_batch(batch)),
    }
    return Section(f"batch-{batch_conversion_id}", f"Batch #{batch['number']}", "batch.html", facts)


def read_payment_section(transaction: Transaction, payment_id: int) -> Section | None:
    """Everything on record about a payment, and its life; None where there is none of that id."""
    read = read_payment(transaction, payment_id)
    if read is None:
        return None
    payment, life = read
    facts = {"known": _known(payment), "life": life, "commands": list(about_payment(payment))}
    return Section(f"payment-{payment_id}", f"Payment {payment_id}", "payment.html", facts)


def _known(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}
