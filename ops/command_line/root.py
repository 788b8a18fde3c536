"""The root of the command line: a group whose verbs are imported when they are typed, and not before."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final

import click

from ops.command_line.verb_table import VERBS, Verb

PROGRAM: Final = "./microbatch"


class VerbTable(click.Group):
    """Knows its verbs by the table alone: `--help` costs no import."""

    def __init__(self, sections: Mapping[str, Sequence[Verb]], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._sections = sections
        self._verbs = {verb.name: verb for verbs in sections.values() for verb in verbs}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every verb, in the table's order."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a verb's module and return its command."""
        verb = self._verbs.get(cmd_name)
        if verb is None:
            return None
        command = import_module(verb.module).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the verbs with the table's words, section by section."""
        for title, verbs in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(verb.name, verb.summary) for verb in verbs])


root: Final = VerbTable(
    VERBS,
    name=PROGRAM,
    help="""Operate TelePay's micro-batch conversion.

    A batch is named by its id, by a unique beginning of it (6 characters or more), or by its number ('#2').
    Exit codes: 0 done, 1 refused, 2 usage, 3 something is away (try again), 8 still pending.""",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def main(arguments: Sequence[str]) -> int:
    """Run one verb and return its exit code; what click has to say of the usage goes to standard error."""
    try:
        root.main(list(arguments), prog_name=PROGRAM)
    except SystemExit as end:
        return int(end.code or 0)
    raise AssertionError("click ends with SystemExit")
