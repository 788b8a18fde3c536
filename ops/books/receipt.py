"""The receipt of one payment."""

from typing import Any

from ops.books.digests import keep_digest
from ops.books.verify import KIND, arithmetic
from ops.command_line.failures import NotDone
from shared.outside.database import Database


def make_receipt(database: Database, payment_id: int) -> dict[str, Any]:
    """Everything about what a payment got; raises NotDone while it has got nothing."""
    with database.transaction() as transaction:
        payment = transaction.row("show_receipt_payment", payment_id=payment_id)
    if payment is None:
        raise NotDone(f"no payment {payment_id}")
    batch_conversion_id, status = payment.pop("batch_conversion_id"), payment.pop("status")
    if status != "completed" or batch_conversion_id is None:
        raise NotDone(f"payment {payment_id} is {status}, in no completed batch: there is no receipt of it yet")
    digest = keep_digest(database, batch_conversion_id, payment_id)
    return {
        "kind": KIND,
        "payment": payment,
        "batch": digest.batch,
        "arithmetic": arithmetic(payment, digest.batch),
        "proof": {"index": digest.index, "path": digest.path, "root": digest.root},
        "digest": digest.hexadecimal,
    }
