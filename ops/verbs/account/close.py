"""`close YYYY-MM`: add a month up, say what is open and what changed since it was closed last, and keep the figures."""

import sys
from datetime import UTC, datetime
from typing import Any

import click

from ops.books.month import month_lines
from ops.books.month_close import Close, examine_month, record_close
from ops.command_line.acts import Act, acting
from ops.command_line.answers import Answer, answering, tell
from ops.command_line.database import opened_database
from ops.command_line.exits import Exit
from ops.command_line.failures import NotDone
from ops.command_line.moments import Month, MonthName
from ops.command_line.text import count, instant, shown
from shared.model.money import dollars, plain


@click.command()
@click.argument("month", type=MonthName())
@acting("close")
@answering
def command(month: Month, act: Act) -> Answer:
    """Close a month, or say what changed since it was closed.

    It adds the payments up and says what is open; a batch that no longer gives its digest is exit code 1.
    """
    if month.until > datetime.now(UTC):
        raise NotDone(f"{month} is not over")
    with opened_database() as database:
        with click.progressbar(label="Batches", file=sys.stderr, length=1) as bar:

            def said(done: int, of: int) -> None:
                bar.length = of
                bar.update(done - bar.pos)

            close = examine_month(database, month, said)
        lines, closed_at = _lines(close), None
        if close.is_new:
            for line in lines:
                tell(line)
            act.agree([], f"Put the close of {month} on record?")
            closed_at = record_close(database, close, act)
            lines = [*lines, f"closed at {instant(closed_at)} by {act.by}"]
    return Answer(_document(close, closed_at), lines, Exit.REFUSED if close.batches_changed else Exit.DONE)


def _document(close: Close, closed_at: datetime | None) -> dict[str, Any]:
    last = close.last
    before = {"closed_at": last.closed_at, "by_whom": last.by_whom, "digest": last.digest} if last else None
    return {
        "month": str(close.month),
        "digest": close.digest,
        "sums": close.sums,
        "open": close.open,
        "batches_changed": close.batches_changed,
        "closed_before": before,
        "changes": close.changes,
        "closed_at": closed_at,
    }


def _lines(close: Close) -> list[str]:
    sums, still = close.sums, close.open
    received = plain(sums["received_usdt"])
    batches = f"{sums['batches_completed']} completed, {sums['batches_opened']} opened; {received} USDT received"
    lines = [str(close.month), "", *month_lines(sums), f"{'batches':<16} {batches}"]
    if sums["late_payouts"]:
        lines.append(f"{'late payouts':<16} {sums['late_payouts']}, {plain(sums['late_usdt'])} USDT")
    if sums["deposits_lost"]:
        lines.append(f"{'deposits lost':<16} {sums['deposits_lost']}, {plain(sums['lost_eth'])} ETH")
    waiting = f"{count(still['payments'], 'payment')} of {dollars(still['usd'])}"
    in_flight, refused = count(still["batches_in_flight"], "batch"), count(still["amounts_refused"], "amount")
    lines += ["", f"{'open now':<16} {waiting}, {in_flight} in flight, {refused} refused"]
    lines.append(f"{'digest':<16} {close.digest}")
    lines += [f"{'CHANGED':<16} batch {name} no longer gives its digest" for name in close.batches_changed]
    return lines + _change_lines(close)


def _change_lines(close: Close) -> list[str]:
    if close.last is None:
        return []
    closed = f"closed before at {instant(close.last.closed_at)} by {shown(close.last.by_whom)}"
    if not close.is_new:
        return [f"{closed}: nothing has changed since"]
    changes = [f"  {one['figure']}: {one['before']} -> {one['now']}" for one in close.changes]
    return [f"{closed}; since then:", *(changes or ["  the figures are the same, a batch or its payments are not"])]
