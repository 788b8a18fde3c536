"""What a verb answers, as text or as one JSON document: the one place that writes to standard output."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import wraps
from typing import Any

import click

from ops.command_line.exits import Exit
from ops.command_line.failures import explain
from shared.model.money import plain


@dataclass(frozen=True)
class Answer:
    """The facts, the same facts in lines for a reader, the exit code, and what goes on once they are told."""

    document: Mapping[str, Any]
    lines: Sequence[str] = field(default_factory=list)
    exit: Exit = Exit.DONE
    afterwards: Callable[[], None] | None = None


def answering(verb: Callable[..., Answer]) -> Callable[..., None]:
    """Make a function that returns an Answer into a verb with ``--json``, whose errors are one line on standard error.

    With ``--json`` standard output holds one document whatever happens; of an error it is {"error": ...}.
    """

    @click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
    @wraps(verb)
    def run(*, as_json: bool, **given: Any) -> None:
        try:
            answer = verb(**given)
        except (click.exceptions.ClickException, click.exceptions.Abort, click.exceptions.Exit):
            raise
        except Exception as error:  # noqa: BLE001 - an operator gets a line and a code, whatever it was
            failure = explain(error)
            click.echo(f"microbatch: {failure.message}", err=True)
            answer = Answer({"error": failure.message}, exit=failure.exit)
        deliver(answer, as_json=as_json)
        if answer.afterwards is not None:
            answer.afterwards()
        raise click.exceptions.Exit(answer.exit)

    return run


def deliver(answer: Answer, *, as_json: bool) -> None:
    """Write an answer to standard output."""
    if as_json:
        click.echo(to_json(answer.document))
        return
    for line in answer.lines:
        click.echo(line)


def tell(line: str) -> None:
    """Say how far a verb has come, on standard error."""
    click.echo(line, err=True)


def to_json(document: Any) -> str:
    """Write one JSON document: amounts as strings, times in RFC 3339, ids as text."""
    return json.dumps(document, default=_text, ensure_ascii=False, indent=2, allow_nan=False)


def rfc3339(moment: datetime) -> str:
    """Write an instant as RFC 3339 has it, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value)
