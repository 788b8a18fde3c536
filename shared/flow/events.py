"""Batch events: recorded in the transaction of the change they tell of, published after its commit, at least once."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from shared import logs
from shared.errors import EventRefused, EventsUnavailable, MicroBatchError
from shared.model.money import plain
from shared.outside.database import Queries, Row, Transaction
from shared.outside.pubsub import EventPublisher
from shared.outside.timed_calls import Deadline

PUBLISHING_WITHIN_S: Final = 10  # a turn: a topic that is slow holds nothing up


def record(transaction: Transaction, event: str, facts: Mapping[str, Any], now: datetime) -> None:
    """Record an event of a batch; *facts* hold at least its batch_conversion_id. Amounts become strings."""
    batch_conversion_id = facts["batch_conversion_id"]
    document = {
        "event": event,
        "occurred_at": now.isoformat(),
        **{key: _to_json(facts[key]) for key in facts},
    }
    transaction.execute(
        "record_event",
        batch_conversion_id=batch_conversion_id,
        event=event,
        data=json.dumps(document),
        now=now,
    )


def publish_waiting(queries: Queries, publisher: EventPublisher | None, now: datetime) -> None:
    """Publish what is recorded and not yet published; what fails now is left to the next check, and said."""
    if publisher is None:
        return
    try:
        published = _publish(queries.rows("list_unpublished_events"), publisher)
        if published:
            queries.execute("mark_events_published", ids=published, now=now)
    except MicroBatchError as error:
        logs.warning(logs.Event.EVENTS_UNPUBLISHED, str(error))


def _publish(waiting: list[Row], publisher: EventPublisher) -> list[int]:
    published: list[int] = []
    deadline = Deadline(PUBLISHING_WITHIN_S)
    for row in waiting:
        if not deadline.leaves(0):
            break
        try:
            publisher.publish(row["batch_conversion_id"], row["event"], row["data"])
        except EventRefused as refusal:
            logs.warning(logs.Event.EVENTS_UNPUBLISHED, str(refusal), batch_conversion_id=row["batch_conversion_id"])
            continue  # it is bad for ever, and holds nothing else up
        except EventsUnavailable as error:
            logs.warning(
                logs.Event.EVENTS_UNPUBLISHED,
                str(error),
                batch_conversion_id=row["batch_conversion_id"],
            )
            break  # the others would wait as long; their order is kept
        published.append(row["id"])
    return published


def _to_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    return value if value is None or isinstance(value, int) else str(value)
