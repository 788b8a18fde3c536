"""The part of Cloud Logging's query language that the configuration uses, evaluated on an entry.

Comparisons joined by AND: ``path="text"``, ``path=("a" OR "b")`` (also numbers), ``path>=number`` (also ``>``,
``<``, ``<=``) and ``severity>=WORD``. A comparison on a field that the entry lacks is false, and a
text compares without regard to case, as in Cloud Logging. Anything else is refused.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
COMPARISON = re.compile(
    r"\s*(?P<path>[A-Za-z_][\w.]*)\s*(?P<sign>=|>=|<=|>|<)\s*"
    r'(?:"(?P<text>[^"]*)"|\((?P<choice>(?:"[^"]*"|\d+)(?:\s+OR\s+(?:"[^"]*"|\d+))*)\)|(?P<bare>[\w.]+))\s*'
)


def matches(text: str, entry: Mapping[str, Any]) -> bool:
    """Tell whether Cloud Logging would find *entry* with the filter *text*; raises ValueError on other syntax."""
    position, results = 0, []
    while True:
        found = COMPARISON.match(text, position)
        if found is None:
            raise ValueError(f"not understood: {text[position:]!r}")
        results.append(_holds(found, entry))
        position = found.end()
        if position == len(text):
            return all(results)
        if not text.startswith("AND ", position):
            raise ValueError(f"not joined by AND: {text[position:]!r}")
        position += len("AND ")


def _holds(found: re.Match[str], entry: Mapping[str, Any]) -> bool:
    value = _at(found["path"], entry)
    if value is None:
        return False
    if found["sign"] == "=":
        choice = [one.strip('"') for one in re.findall(r'"[^"]*"|\d+', found["choice"] or "")]
        wanted = choice if found["text"] is None else [found["text"]]
        if not wanted:
            raise ValueError(f"only texts are compared for equality: {found[0]!r}")
        return str(value).lower() in [one.lower() for one in wanted]
    if found["bare"] is None:
        raise ValueError(f"only numbers and severities have an order: {found[0]!r}")
    order = ORDERS[found["sign"]]
    if found["path"] == "severity":
        return order(SEVERITIES.index(value), SEVERITIES.index(found["bare"]))
    # A number in a text is not a number to the query language.
    return not isinstance(value, str) and order(value, float(found["bare"]))


def _at(path: str, entry: Mapping[str, Any]) -> Any:
    value: Any = entry
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value
