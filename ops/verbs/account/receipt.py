"""`receipt PAYMENT`: what a payment got and why, to the last digit."""

import click

from ops.books.receipt import make_receipt
from ops.books.verify import in_words
from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database


@click.command()
@click.argument("payment", type=click.IntRange(1, 2**31 - 1))
@answering
def command(payment: int) -> Answer:
    """Show what one payment got, and why.

    With --json it is the receipt to give to a client, who checks it with ops/books/verify.py alone.
    """
    with opened_database() as database:
        receipt = make_receipt(database, payment)
    return Answer(receipt, in_words(receipt))
