"""Operators at work: verbs are typed, and what is behind each runs whole, on the played clock."""

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from datetime import datetime, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from pg8000.native import to_statement

from ops.command_line.root import main
from ops.steering import evidence
from ops.verbs.steer import breaker, cut_over
from shared.outside.statements import Statement, Statements
from shared.wiring.check_threshold import wire_check
from tests.simulation.database.installation import set_clock

if TYPE_CHECKING:
    from tests.simulation.world.world import World

DONE, REFUSED, AWAY = 0, 1, 3
TIME_OF_DAY: Final = "CLOCK_TIMESTAMP()"
MAKE_READY: Final = Statements.ready
ON_THE_CLOCK: Final = (breaker, cut_over)  # verbs that ask for the time of day


def type_verb(world: "World", *typed: str) -> int:
    """Type ``./microbatch VERB ... --yes`` and return the exit code; what it says goes into the journal."""
    world.observer.sql(set_clock(world.now))
    said, warned = io.StringIO(), io.StringIO()
    before = world.observer.backends()
    with _at_a_shell(world), redirect_stdout(said), redirect_stderr(warned):
        code = main([*typed, "--yes", "--by", "ada"])
    world.observer.cut_off(sorted(world.observer.backends() - before))  # a lock that lingers would stop a check
    world.journal.note(f"typed {' '.join(typed)} -> {code} {warned.getvalue().strip().splitlines()[-1:]}")
    world.journal.counts[f"typed: {typed[0]} -> {code}"] += 1
    return code


@contextmanager
def _at_a_shell(world: "World") -> Iterator[None]:
    """The operator's environment, and a clock for whatever asks for one."""
    wired = partial(wire_check, now=lambda: world.now, sleep=world.pass_time)
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, world.servers.environment))
        stack.enter_context(patch.object(evidence, "wire_check", wired))
        stack.enter_context(patch.object(Statements, "ready", _make_ready))
        for module in ON_THE_CLOCK:
            stack.enter_context(patch.object(module, "datetime", _played(world)))
        yield


def _make_ready(statements: Statements, name: str) -> Statement:
    """A statement that asks the database for the time of day, on the played clock; any other as it is."""
    text = statements.texts.get(name, "")
    return (
        to_statement(text.replace(TIME_OF_DAY, "shelf.now()")) if TIME_OF_DAY in text else MAKE_READY(statements, name)
    )


def _played(world: "World") -> type[datetime]:
    """What stands for the class ``datetime`` in a verb: its now() is the played clock's."""

    class Played(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return world.now.astimezone(tz)

    return Played
