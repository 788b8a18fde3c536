"""`receipt PAYMENT`: what a payment got and why, to the last digit."""

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.receipts.receipt import make_receipt
from ops.receipts.verify import in_words


@click.command()
@click.argument("payment", type=click.IntRange(1, 2**31 - 1))
@answering
def command(payment: int) -> Answer:
    """Show what one payment got, and why.

    With --json it is the receipt to give to a client, who checks it with ops/receipts/verify.py alone.
    """
    with opened_database() as database:
        receipt = make_receipt(database, payment)
    return Answer(receipt, in_words(receipt))
