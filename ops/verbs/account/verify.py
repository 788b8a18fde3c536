"""`verify FILE`: a receipt checked without the database, as a client checks it with the one file alone."""

from pathlib import Path

import click

from ops.books.verify import NotTrueError, in_words, verify
from ops.command_line.answers import Answer, answering
from ops.command_line.failures import NotDone


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@answering
def command(file: Path) -> Answer:
    """Check a receipt without the database."""
    try:
        receipt = verify(file.read_bytes().decode())
    except (NotTrueError, UnicodeDecodeError) as error:
        raise NotDone(f"NOT TRUE: {error}") from error
    return Answer({"true": True, "digest": receipt["digest"]}, [*in_words(receipt), "all of it holds"])
