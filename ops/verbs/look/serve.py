"""`serve`: the pages, for a browser on this machine."""

import signal
from contextlib import ExitStack

import click

from ops.command_line.answers import Answer, answering, tell
from ops.command_line.database import STATEMENTS, database_settings
from shared.outside.database import open_database


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8642, show_default=True, help="Where; 0: any that is free."
)
@answering
def command(port: int) -> Answer:
    """Show all this to a browser on this machine.

    The pages only read. From another machine, go through a tunnel: ssh -L 8642:127.0.0.1:8642 HOST
    """
    with ExitStack() as opened:
        database = open_database(database_settings(), STATEMENTS)
        opened.callback(database.close)
        database.rows("get_first_check_time")  # away, or never migrated: said here, not by the first page
        from ops.pages.figures.drawing import warm_up  # noqa: PLC0415 - takes a second that help is spared
        from ops.pages.serving import Pages  # noqa: PLC0415

        pages = Pages(database, port)
        opened.callback(pages.close)
        tell("making ready to draw ...")
        warm_up()
        kept = opened.pop_all()

    def serve() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts what it puts in the background deaf to Ctrl-C
            signal.signal(number, signal.default_int_handler)
        with kept:
            pages.serve()

    return Answer({"url": pages.url}, [f"{pages.url}   (Ctrl-C ends it)"], afterwards=serve)
