"""Facts as lines for a reader: tables, ages, instants; what comes from the database cannot steer the terminal."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from shared.model.money import plain
from shared.model.policy import Policy

NONE: Final = "-"
_CELL_MAX: Final = 80


def shown(value: Any) -> str:
    """Write one value: instants to the second in UTC, amounts without superfluous zeros, nothing as a dash."""
    if value is None:
        return NONE
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, Decimal):
        return _short(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {shown(part)}" for key, part in value.items())
    return visible(str(value))


def instant(moment: datetime) -> str:
    """Write an instant to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def age(span: timedelta) -> str:
    """Write a length of time in its two largest units."""
    seconds = max(int(span.total_seconds()), 0)
    for size_s, unit, smaller_s, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size_s:
            rest = seconds % size_s // smaller_s
            return f"{seconds // size_s} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds} s"


def count(number: int, noun: str) -> str:
    """Write a count with its noun: 1 payment, 2 payments, 2 batches."""
    plural = f"{noun}es" if noun.endswith(("ch", "s", "x")) else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def visible(text: str) -> str:
    """Escape what is not printable, so that a text stays in its line and its cell."""
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)


def rules(policy: Policy) -> str:
    """Write the rules of a policy that are not the default."""
    default = asdict(Policy())
    own = {key: value for key, value in asdict(policy).items() if value != default[key]}
    return ", ".join(f"{key}={_rule(value)}" for key, value in own.items()) or "none (default)"


def _rule(value: Any) -> str:
    return f"({shown(value)})" if isinstance(value, Mapping) else shown(value)


def pairs(facts: Mapping[str, Any]) -> list[str]:
    """Write facts one a line, their names aligned."""
    width = max((len(name) for name in facts), default=0)
    return [f"{name:<{width}}  {shown(value)}" for name, value in facts.items()]


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> list[str]:
    """Write rows under headings (*columns*: key to heading), amounts and numbers to the right."""
    cells = [[_cut(shown(row.get(key))) for key in columns] for row in rows]
    headings = list(columns.values())
    widths = [max(map(_width, column)) for column in zip(headings, *cells, strict=True)]
    right = [any(isinstance(row.get(key), int | Decimal) for row in rows) for key in columns]
    return [_row(line, widths, right) for line in (headings, *cells)]


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for cell, width, to_the_right in zip(cells, widths, right, strict=True):
        blank = " " * (width - _width(cell))
        padded.append(blank + cell if to_the_right else cell + blank)
    return "  ".join(padded).rstrip()


def _cut(cell: str) -> str:
    return cell if len(cell) <= _CELL_MAX else cell[: _CELL_MAX - 1] + "…"


def _width(text: str) -> int:
    """Count the columns of a terminal: wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(mark) else 2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text
    )


def _short(amount: Decimal) -> str:
    text = plain(amount)
    return text.rstrip("0").rstrip(".") if "." in text else text
