"""`mend PAYMENT --dollars X`: give a payment that can never be claimed the dollars that it is worth."""

from decimal import Decimal
from typing import Final

import click

from ops.command_line.acts import Act, acting
from ops.command_line.amounts import Amount
from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.command_line.text import shown
from ops.situation.reasons import MENDABLE
from shared.model.money import PLACES, dollars, plain
from shared.outside.database import Row, Transaction

ROUNDING_USD: Final = Decimal("0.01")  # what the database lets dollars exceed the payment by
ID_MAX: Final = 2**31 - 1


@click.command()
@click.argument("payment_id", metavar="PAYMENT", type=click.IntRange(1, ID_MAX))
@click.option("--dollars", "amount_usd", type=Amount(), required=True, help="US dollars after the TelePay fee.")
@acting("mend")
@answering
def command(payment_id: int, amount_usd: Decimal, act: Act) -> Answer:
    """Give a payment that can never be claimed the dollars it is worth."""
    with opened_database() as database:
        with database.transaction() as transaction:
            found = _mendable(transaction, payment_id, amount_usd)
        plan = f"payment {payment_id} of client {shown(found['client_id'])}: {shown(found['amount_usd'])} -> "
        act.agree([plan + dollars(amount_usd), "the next check counts it"], "Set the payment's dollars?")
        with database.transaction() as transaction:
            before = _mendable(transaction, payment_id, amount_usd)
            if not transaction.execute("mend_dollars", payment_id=payment_id, amount_usd=amount_usd):
                raise NotDone(f"payment {payment_id} has moved meanwhile")
            act.record(transaction, {"payment_id": payment_id, "old": shown(before["amount_usd"]), "new": amount_usd})
    said = f"payment {payment_id} is worth {dollars(amount_usd)}, and is claimed with the next batch"
    return Answer({"payment_id": payment_id, "amount_usd": amount_usd}, [said])


def _mendable(transaction: Transaction, payment_id: int, amount_usd: Decimal) -> Row:
    """Return the payment if it waits, is held for its dollars alone, and can be worth so many; else say why not."""
    found = transaction.row("show_payment", payment_id=payment_id)
    if found is None:
        raise NotDone(f"no payment {payment_id}")
    held = transaction.row("get_why_unclaimable", payment_id=payment_id)
    if held is None or held["reason"] not in MENDABLE:
        why = f"held because of {held['reason']}" if held else f"{shown(found['status'])}, not held for its dollars"
        raise NotDone(f"payment {payment_id} is {why}; see: ./microbatch payment {payment_id}")
    paid_usd = found["payment_amount_usd"]
    if not 0 < amount_usd <= paid_usd + ROUNDING_USD:
        raise NotDone(f"the dollars after the fee are above 0 and at most the ${plain(paid_usd)} that were paid")
    if amount_usd != round(amount_usd, PLACES):
        raise NotDone(f"dollars have {PLACES} decimals at most")
    return found
