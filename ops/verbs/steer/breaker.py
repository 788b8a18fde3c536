"""`breaker show|reset`: the deposits that were lost, and opening batches again after a person has looked."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from ops.command_line.acts import Act, acting
from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.failures import Away, NotDone
from ops.command_line.text import count, table
from shared.flow.breaker import COUNTED_FOR
from shared.flow.check_lock import CHECK_LOCK
from shared.model.policy import policy_on_record
from shared.outside.database import Database, Queries, Row

COLUMNS = {
    "number": "#",
    "short_id": "batch",
    "deposit_lost_at": "lost at",
    "deposit_eth": "ETH",
    "failure_reason": "ended as",
    "payin_hash": "deposit",
}


@dataclass(frozen=True)
class Breaker:
    """What the breaker counts now."""

    recent: int
    unreturned: int
    deposits_max: int
    deposits: list[Row]

    @property
    def is_open(self) -> bool:
        """Whether nothing new is opened."""
        return self.recent >= self.deposits_max or self.unreturned > 0

    @property
    def document(self) -> dict[str, Any]:
        """The breaker for a program."""
        return {
            "open": self.is_open,
            "lost_within_a_day": self.recent,
            "not_known_to_have_come_back": self.unreturned,
            "max_lost_deposits": self.deposits_max,
            "deposits": self.deposits,
        }

    @property
    def lines(self) -> list[str]:
        """The breaker for a reader."""
        shown = [row | {"short_id": str(row["batch_conversion_id"])[:8]} for row in self.deposits]
        state = "OPEN: no batch is opened" if self.is_open else "closed: batches are opened"
        lost = f"{count(self.recent, 'deposit')} lost within a day (limit {self.deposits_max})"
        return [
            f"the breaker is {state}",
            f"{lost}, {self.unreturned} not known to have come back",
            *(table(shown, COLUMNS) if shown else []),
        ]


@click.group()
def command() -> None:
    """Show the deposits that were lost, or open batches again."""


@command.command()
@answering
def show() -> Answer:
    """Show what was lost since the last reset, and whether that stops new batches."""
    with opened_database() as database:
        breaker = _read(database)
    return Answer(breaker.document, breaker.lines)


@command.command()
@acting("breaker reset")
@answering
def reset(act: Act) -> Answer:
    """Count from now on: the deposits lost so far have been dealt with."""
    with opened_database() as database:
        breaker = _read(database)
        if not breaker.deposits:
            return Answer(breaker.document | {"reset": False}, ["nothing to reset: no deposit is counted"])
        act.agree([*breaker.lines, "they no longer count"], "Have they been dealt with?")
        _reset(database, breaker, act)
    said = f"reset: {count(len(breaker.deposits), 'lost deposit')} no longer count, batches are opened again"
    return Answer(breaker.document | {"reset": True, "open": False}, [said])


def _reset(database: Database, breaker: Breaker, act: Act) -> None:
    """Put the reset on record, while no check runs: a deposit dated before it and seen after it would not count."""
    with database.exclusive(CHECK_LOCK) as session:
        if session is None:
            raise Away("a check is running, which may find another deposit: try again in a moment")
        with session.transaction() as transaction:
            if _read(transaction).deposits != breaker.deposits:
                raise NotDone("another deposit was lost meanwhile; look again: ./microbatch breaker show")
            act.record(transaction, breaker.document)


def _read(queries: Queries) -> Breaker:
    counted = queries.row("count_lost_deposits", since=datetime.now(UTC) - COUNTED_FOR)
    in_force = queries.row("get_last_valid_policy")
    policy = policy_on_record(in_force["policy"] if in_force else None).policy
    assert counted is not None
    deposits = queries.rows("list_lost_deposits")
    return Breaker(counted["recent"], counted["unreturned"], policy.max_lost_deposits, deposits)
