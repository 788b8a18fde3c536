"""`batch BATCH`: everything that is on record about one batch, and its life with times as recorded."""

import json
from typing import Any

import click

from ops.command_line.answers import Answer, answering
from ops.command_line.batch_names import batch_argument, find_batch
from ops.command_line.database import opened_database
from ops.command_line.text import pairs
from ops.situation.lives import Moment, by_time, life_lines
from shared.outside.database import Row, Transaction

STEPS = {
    "exchange_made_at": "exchange made at ChangeNow: {cn_api_id}",
    "order_prepared_at": "order prepared",
    "task_enqueued_at": "order handed to Cloud Tasks",
    "stuck_reported_at": "reported as stuck",
    "refused_at": "amount refused: {refused_usdt} USDT",
    "deposit_lost_at": "deposit lost: {deposit_eth} ETH",
    "late_seen_at": "paid out after it was given up: {late_usdt_received} USDT",
}


@click.command()
@batch_argument
@answering
def command(batch: str) -> Answer:
    """Show the life of one batch."""
    with opened_database() as database, database.transaction() as transaction:
        batch_conversion_id = find_batch(transaction, batch)
        found = transaction.row("show_batch", batch_conversion_id=batch_conversion_id)
        held = transaction.row("sum_held_by_batch", batch_conversion_id=batch_conversion_id)
        assert found is not None
        assert held is not None
        life = by_time([*_steps(found), *_records(transaction, found)])
    facts = {name: value for name, value in (found | held).items() if value is not None}
    document = found | held | {"life": [moment.document for moment in life]}
    return Answer(document, [*pairs(facts), "", *life_lines(life)])


def _steps(batch: Row) -> list[Moment]:
    """What the batch's own columns remember."""
    return [Moment(batch[name], text.format(**batch)) for name, text in STEPS.items() if batch[name] is not None]


def _records(transaction: Transaction, batch: Row) -> list[Moment]:
    """What was written down as it happened: the check, changes of state, events, acts of operators."""
    parameter = {"batch_conversion_id": batch["batch_conversion_id"]}
    checks = [
        Moment(row["checked_at"], f"opened by check {row['id']}: {row['reason']}")
        for row in transaction.rows("get_check_of_batch", **parameter)
    ]
    changes = [
        Moment(row["changed_at"], f"{row['to_status']} (was {row['from_status'] or 'not there'})")
        for row in transaction.rows("list_state_changes", **parameter)
    ]
    events = [
        Moment(row["occurred_at"], f"event {row['event']}" + ("" if row["published_at"] else ", not published yet"))
        for row in transaction.rows("list_events_of_batch", **parameter)
    ]
    acts = [
        Moment(row["acted_at"], _act_text(row), row["detail"] and json.loads(row["detail"]))
        for row in transaction.rows("list_acts_of_batch", **parameter)
    ]
    return [*checks, *changes, *events, *acts]


def _act_text(row: dict[str, Any]) -> str:
    return f"{row['act']} by {row['by_whom']}" + (f": {row['why']}" if row["why"] else "")
