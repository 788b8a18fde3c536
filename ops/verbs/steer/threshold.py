"""`threshold`: the lever that operators move most."""

import click

from ops.verbs.steer.recommend import recommend


@click.group()
def command() -> None:
    """Recommend the threshold."""


command.add_command(recommend)
