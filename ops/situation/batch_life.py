"""One batch: everything that is on record about it, and its life with times as recorded."""

import json
import uuid
from typing import Any, Final

from ops.situation.lives import Moment, by_time
from shared.outside.database import Row, Transaction

STEPS: Final = {
    "exchange_made_at": "exchange made at ChangeNow: {cn_api_id}",
    "order_prepared_at": "order prepared",
    "task_enqueued_at": "order handed to Cloud Tasks",
    "stuck_reported_at": "reported as stuck",
    "refused_at": "amount refused: {refused_usdt} USDT",
    "deposit_lost_at": "deposit lost: {deposit_eth} ETH",
    "late_seen_at": "paid out after it was given up: {late_usdt_received} USDT",
}


def read_batch(transaction: Transaction, batch_conversion_id: uuid.UUID) -> tuple[Row, list[Moment]]:
    """Read the facts of a batch that is there, and its life."""
    found = transaction.row("show_batch", batch_conversion_id=batch_conversion_id)
    held = transaction.row("sum_held_by_batch", batch_conversion_id=batch_conversion_id)
    assert found is not None
    assert held is not None
    return found | held, by_time([*_steps(found), *_records(transaction, found)])


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
