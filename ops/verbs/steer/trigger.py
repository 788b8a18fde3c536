"""`trigger`: one check now, through the topic as the schedule's."""

import time
from typing import Any

import click

from ops.command_line.answers import Answer, answering, tell
from ops.command_line.database import opened_database
from ops.command_line.exits import Exit
from ops.command_line.moments import Seconds
from ops.command_line.text import instant
from ops.outside.trigger_topic import publish_tick
from ops.steering.dry_run import forecast_check
from shared.outside.database import Database

POLL_S = 0.5


@click.command()
@click.option("--force", is_flag=True, help="Open a batch below the threshold.")
@click.option("--wait", is_flag=True, help="Wait for the check's decision.")
@click.option("--dry-run", is_flag=True, help="Say what a check would do now; nothing is sent or written.")
@click.option("--timeout", "timeout_s", type=Seconds(0.1, 3600), default=120, help="Seconds to wait.")
@answering
def command(*, force: bool, wait: bool, dry_run: bool, timeout_s: float) -> Answer:
    """Start a check, and say what it decided."""
    if dry_run:
        forecast = forecast_check(forced=force)
        return Answer(forecast.document, forecast.lines)
    if not wait:
        message = publish_tick(force=force)
        return Answer({"message": message, "force": force}, [f"tick {message} is sent; see: ./microbatch checks"])
    with opened_database() as database:
        newest = _row(database, "get_newest_check_id")
        assert newest is not None
        message = publish_tick(force=force)
        tell(f"tick {message} is sent; waiting for its check ...")
        check = _awaited(database, newest["id"], timeout_s, is_forced=force)
    document = {"message": message, "force": force, "check": check}
    if check is None:
        return Answer(document, [f"no check came within {timeout_s:g} s; see: ./microbatch status"], Exit.PENDING)
    return Answer(document, [_told(check)])


def _awaited(database: Database, newest_id: int, timeout_s: float, *, is_forced: bool) -> dict[str, Any] | None:
    deadline = time.monotonic() + timeout_s
    while True:
        check = _row(database, "get_check_after", check_id=newest_id, is_forced=is_forced)
        if check is not None or time.monotonic() >= deadline:
            return check
        time.sleep(POLL_S)


def _row(database: Database, name: str, **parameters: Any) -> dict[str, Any] | None:
    with database.transaction() as transaction:
        return transaction.row(name, **parameters)


def _told(check: dict[str, Any]) -> str:
    opened = f", batch {check['batch_conversion_id']}" if check["batch_conversion_id"] else ""
    pending = "nothing could be summed" if check["pending_usd"] is None else f"${check['pending_usd']:.2f} pending"
    return f"check {check['id']} at {instant(check['checked_at'])}: {check['reason']}{opened}, {pending}"
