"""docs/operate.md tells every field of every JSON document, by its name."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from ops.books.month import MOVED
from tests.ops.conftest import Shell
from tests.rig import Rig

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "operate.md"
TABLE: Final = re.compile(r"^## What `--json` holds\n.*?^\|---\|---\|\n(.*?)\Z", re.M | re.S)
TYPED: Final = (
    "status",
    "checks",
    "checks --summary",
    "batches",
    "pending",
    "held",
    "acts",
    "wait #1",
    "trigger --dry-run",
    "threshold show",
    "policy show",
    "threshold set 30 --yes",
    "policy set max_age_hours=24 --yes --create",
    "statement client --month {month}",
    "close 2026-10 --yes",
    "savings",
    "reconcile",
    "breaker show",
    "breaker reset --yes",
    "fence show",
    "cut-over",
    "digest",
    "migrate --status",
    "migrate --check",
    "receipt 1",
)
FREE: Final = {"held", "left_out", "detail", "findings_by_word", "not_asked"}
"""What has words of its own for keys: reasons, and what an act was given."""
UNITS: Final = ("payments", "usd")
TOLD_ELSEWHERE: Final = {"close": "statement"}
"""Whose sums are said to be another's."""


def documented() -> dict[str, set[str]]:
    """The names in each verb's row."""
    table = TABLE.search(PAGE.read_text())
    assert table is not None
    names: dict[str, set[str]] = {}
    for row in table[1].splitlines():
        verbs, fields = row.strip("| ").split(" | ", 1)
        for verb in re.findall(r"`([^`]+)`", verbs):
            names[verb] = set(re.findall(r"`(\w+)`", fields))
    return names


def fields_of(document: Any) -> Iterator[str]:
    """Every key of a document, at whatever depth."""
    if isinstance(document, list):
        for item in document:
            yield from fields_of(item)
    elif isinstance(document, dict):
        for name, value in document.items():
            yield name
            if name not in FREE:
                yield from fields_of(value)


@pytest.fixture
def month(rig: Rig) -> str:
    """The month of a batch that was completed, beside one that lost its deposit; payments wait, and one is held."""
    completed, failed = rig.open_batches("30.00", "31.00")
    rig.pay_out(completed, "29.50")
    rig.call_back(rig.response(completed, "29.50"))
    rig.peers.exchange.expire(failed["cn_api_id"])
    rig.clock.forward(minutes=21)
    rig.check()
    rig.sql(
        "UPDATE batch_conversions SET deposit_lost_at = NOW(), deposit_eth = amount_eth, late_usdt_received = NULL"
        " WHERE conversion_status = 'failed'"
    )
    rig.pay("5.00", "NaN", age=timedelta(hours=1))
    rig.sql("INSERT INTO operator_acts (act, by_whom, detail) VALUES ('policy pause', 'ada', '{}')")
    return f"{rig.clock():%Y-%m}"


@pytest.mark.parametrize("words", TYPED)
def test_every_field_is_told(words: str, month: str, shell: Shell) -> None:
    """A program that reads the documents finds each name on the page."""
    typed = shell(*words.format(month=month).split(), "--json")
    told = documented()
    verbs = {verb for verb in told if f"{words} ".startswith(f"{verb} ")}
    assert verbs
    known = set[str]().union(*(told[verb] for verb in verbs | {TOLD_ELSEWHERE.get(verb, verb) for verb in verbs}))
    untold = (
        set(fields_of(typed.document)) - known - {f"{name}_{unit}" for name in known & MOVED.keys() for unit in UNITS}
    )
    assert not untold, f"{words}: {sorted(untold)}"
