"""A history on paper, to be read: what differs from the ordinary, an action a line, its faults beneath."""

import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from typing import Any, Final

from tests.simulation.history.vocabulary import Action, Fault, History, Moment, Pause

WIDTH: Final = 116
BENEATH: Final = ("faults", "actions", "meanwhile")  # fields that have lines of their own


def print_history(history: History, broken: object = None) -> str:
    """Write a history, and the rule that it breaks if there is one."""
    head = f"seed {history.seed}: {broken}" if broken is not None else f"seed {history.seed}"
    lines = [f"  {_text(history.conditions)}", *_action_lines(history.actions, "  ")]
    return "\n".join([head, *(line for long in lines for line in _wrapped(long))])


def _action_lines(actions: tuple[Action, ...], indent: str) -> Iterator[str]:
    for number, action in enumerate(actions, 1):
        yield f"{indent}{number}. {_text(action)}"
        for fault in getattr(action, "faults", ()):
            yield from _fault_lines(fault, f"{indent}   ")


def _fault_lines(fault: Fault, indent: str) -> Iterator[str]:
    yield f"{indent}at {_moment(fault)}: {_text(fault.what)}"
    if isinstance(fault.what, Pause) and fault.what.meanwhile:
        yield f"{indent}meanwhile"
        yield from _action_lines(fault.what.meanwhile, f"{indent}  ")


def _moment(fault: Fault) -> str:
    if isinstance(fault.at, Moment):
        return f"{fault.at.stage} {fault.at.name}"
    return f"{fault.kind}, moment {fault.at}"


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))})"
    if not is_dataclass(value):
        return repr(value)
    told = [(field.name, getattr(value, field.name)) for field in fields(value) if field.name not in BENEATH]
    ordinary = {field.name: field.default for field in fields(value) if field.default is not MISSING}
    given = [f"{name}={_text(found)}" for name, found in told if name not in ordinary or ordinary[name] != found]
    return f"{type(value).__name__}({', '.join(given)})"


def _wrapped(line: str) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, WIDTH, subsequent_indent=f"{indent}    ", break_long_words=False) or [line]
