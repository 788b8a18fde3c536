"""`policy show|set|pause|resume`: the rules beside the threshold."""

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final

import click

from ops.command_line.acts import Act, acting
from ops.command_line.answers import Answer, answering
from ops.command_line.failures import NotDone
from ops.situation import levers
from shared.model.policy import Policy

RULES: Final = tuple(rule.name for rule in fields(Policy))
CREATE = click.option("--create", is_flag=True, help="Make the secret if it is missing.")


@click.group()
def command() -> None:
    """Show or set the policy, pause or resume batching."""


@command.command()
@answering
def show() -> Answer:
    """Show the policy that is set and the one in force."""
    return levers.show(levers.POLICY)


@command.command("set")
@click.argument("rules", nargs=-1, metavar="KEY=VALUE...")
@click.option("--document", help="The whole policy as a JSON object, in place of what is set.")
@CREATE
@acting("policy set")
@answering
def set_policy(rules: tuple[str, ...], document: str | None, act: Act, *, create: bool) -> Answer:
    """Change rules of the policy, such as max_age_hours=24; null takes a rule back to its default."""
    if bool(rules) == (document is not None):
        raise click.UsageError("give either KEY=VALUE or --document")
    if document is not None:
        return levers.change(levers.POLICY, document.strip(), act, create=create)
    current = levers.newest_document(levers.POLICY)
    if current is None:
        raise NotDone("the newest version is not valid; give the whole policy: --document '{...}'")
    changes = dict(map(_rule, rules))
    if unknown := changes.keys() - RULES:
        raise NotDone(f"no rule of the policy: {', '.join(sorted(unknown))}; there are: {', '.join(RULES)}")
    return _change(current | changes, act, create=create)


@command.command()
@CREATE
@acting("policy pause")
@answering
def pause(act: Act, *, create: bool) -> Answer:
    """Open no batch from the next check on; those in flight come to their end."""
    return _change(_base() | {"paused": True}, act, create=create)


@command.command()
@CREATE
@acting("policy resume")
@answering
def resume(act: Act, *, create: bool) -> Answer:
    """Open batches again from the next check on."""
    return _change(_base() | {"paused": False}, act, create=create)


def _change(document: dict[str, Any], act: Act, *, create: bool) -> Answer:
    kept = {key: value for key, value in document.items() if value is not None}
    return levers.change(levers.POLICY, levers.write_document(kept), act, create=create)


def _base() -> dict[str, Any]:
    """What is set; where that is not valid, what the last check went by: a pause cannot wait."""
    current = levers.newest_document(levers.POLICY)
    if current is not None:
        return current
    in_force = levers.read_in_force()
    return levers.read_document(in_force.policy) if in_force else {}


def _rule(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"{text!r} is not KEY=VALUE")
    try:
        return key.strip(), json.loads(value, parse_float=Decimal)
    except ValueError:
        return key.strip(), value
