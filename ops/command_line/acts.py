"""Acts of operators: who and why, shown before it is done, agreed to, and put on record."""

import getpass
import json
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

import click

from ops.command_line.answers import tell, to_json
from ops.command_line.failures import NotDone
from shared.outside.database import Transaction

NAME_MAX: Final = 255


@dataclass(frozen=True)
class Act:
    """What is done under whose name, for which reason, and whether it was agreed to on the command line."""

    verb: str
    by: str
    why: str | None
    agreed: bool

    def agree(self, plan: Sequence[str], question: str) -> None:
        """Show what will be done and go on only if it is agreed to; raises NotDone, and nothing has changed."""
        for line in plan:
            tell(line)
        if self.agreed:
            return
        if not sys.stdin.isatty():
            raise NotDone("nothing was changed: nobody is there to be asked; to go on, add --yes")
        if not click.confirm(question, default=False, err=True):
            raise NotDone("nothing was changed")

    def record(
        self, transaction: Transaction, detail: Mapping[str, Any], batch_conversion_id: uuid.UUID | None = None
    ) -> None:
        """Put the act on record, in the transaction of the change that it makes."""
        transaction.execute(
            "record_act",
            act=self.verb,
            batch_conversion_id=batch_conversion_id,
            by_whom=self.by[:NAME_MAX],
            why=self.why,
            detail=json.dumps(json.loads(to_json(detail))),
        )


def acting(verb: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb ``--by``, ``--why`` and ``--yes``, and hand them to it as ``act``."""

    def decorate(run: Callable[..., Any]) -> Callable[..., Any]:
        @click.option("--by", default=getpass.getuser, show_default="the login", help="Who does this.")
        @click.option("--why", help="The reason, for the record.")
        @click.option("--yes", is_flag=True, help="Do not ask.")
        @wraps(run)
        def decorated(*, by: str, why: str | None, yes: bool, **given: Any) -> Any:
            return run(act=Act(verb, by, why, yes), **given)

        return decorated

    return decorate
