"""`threshold show|set|recommend`: the dollars at which a batch is opened, the lever that operators move most."""

import click

from ops.command_line.acts import Act, acting
from ops.command_line.answers import Answer, answering
from ops.situation import levers
from ops.verbs.steer.recommend import recommend


@click.group()
def command() -> None:
    """Show, set or recommend the threshold."""


@command.command()
@answering
def show() -> Answer:
    """Show the threshold that is set and the one in force."""
    return levers.show(levers.THRESHOLD)


@command.command("set")
@click.argument("dollars_text", metavar="DOLLARS")
@click.option("--create", is_flag=True, help="Make the secret if it is missing.")
@acting("threshold set")
@answering
def set_threshold(dollars_text: str, act: Act, *, create: bool) -> Answer:
    """Add a version with a new threshold, such as 50.00; the next check goes by it."""
    return levers.change(levers.THRESHOLD, dollars_text.strip(), act, create=create)


command.add_command(recommend)
