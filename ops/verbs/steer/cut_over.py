"""`cut-over`: from which instant on payments are ours; bare, it only shows what waits."""

from datetime import UTC, datetime, timedelta
from typing import Final

import click

from ops.command_line.acts import Act, acting
from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.failures import NotDone
from ops.command_line.moments import Moment
from ops.command_line.text import count, instant
from ops.situation.cut_over import ALL, CutOver, plan_cut_over, read_cut_over, write_instant
from shared.outside.database import Database

AHEAD_MAX: Final = timedelta(days=7)
"""A slip in the year would hold every payment, and call nobody."""


@click.command()
@click.option("--from", "moment", type=Moment(), help="Payments that came in from this time on are ours.")
@click.option("--all", "take_all", is_flag=True, help="Whatever waits is ours.")
@click.option("--none", "take_none", is_flag=True, help="Nothing that waits is ours: payments from now on are.")
@acting("cut-over")
@answering
def command(moment: datetime | None, act: Act, *, take_all: bool, take_none: bool) -> Answer:
    """Show what waits, and decide from when on payments are ours."""
    if (moment is not None) + take_all + take_none > 1:
        raise click.UsageError("give one of --from, --all and --none")
    now = datetime.now(UTC)
    if moment is not None and moment > now + AHEAD_MAX:
        raise NotDone(f"{instant(moment)} is ahead, and until then no payment would be ours; from now on: --none")
    with opened_database() as database:
        with database.transaction() as transaction:
            seen = read_cut_over(transaction, now)
        if take_none:
            return _decide(database, _find_from_now_on(database), act, seen)
        if take_all or moment is not None:
            return _decide(database, write_instant(moment) if moment else ALL, act, seen)
    return Answer(seen.document, seen.lines)


def _find_from_now_on(database: Database) -> str:
    """Return the instant from which on nothing that waits now is ours; refuse where payments carry a later time."""
    row = database.row("find_from_now_on")
    assert row is not None
    if row["payments_ahead"]:
        raise NotDone(
            f"{count(row['payments_ahead'], 'payment')} of those that wait carry a time ahead of now, up to "
            f"{instant(row['newest_at'])}, and would be ours; decide with --from and a later time"
        )
    return str(row["ours_from"])


def _decide(database: Database, ours_from: str, act: Act, seen: CutOver) -> Answer:
    """Agree on what the decision does, and put it on record twice: for the checks, and among the acts."""
    with database.transaction() as transaction:
        plan = plan_cut_over(transaction, ours_from, datetime.now(UTC))
    act.agree([*seen.lines, "", *plan], "Decide so?")
    with database.transaction() as transaction:
        transaction.execute("record_cut_over", ours_from=ours_from, decided_by=act.by[:255], why=act.why)
        act.record(transaction, {"ours_from": ours_from, "was": seen.document["ours_from"], "busy": seen.is_busy})
    with database.transaction() as transaction:
        decided = read_cut_over(transaction, datetime.now(UTC))
    return Answer(decided.document, [f"{decided.verdict} The next check goes by it."])
