"""`payment ID`: the life of one payment, through every batch that held it."""

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.command_line.text import pairs
from ops.situation.lives import life_lines
from ops.situation.payment_life import read_payment

INT_MAX = 2**31 - 1


@click.command()
@click.argument("payment_id", metavar="ID", type=click.IntRange(1, INT_MAX))
@answering
def command(payment_id: int) -> Answer:
    """Show the life of one payment."""
    with opened_database() as database, database.transaction() as transaction:
        read = read_payment(transaction, payment_id)
    if read is None:
        raise NotDone(f"no payment {payment_id}")
    facts, life = read
    known = {name: value for name, value in facts.items() if value is not None}
    document = facts | {"life": [moment.document for moment in life]}
    return Answer(document, [*pairs(known), "", *life_lines(life)])
