"""Mistakes of silence: what happened and nobody was told, or was told and did not happen."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from unittest.mock import patch

from shared import logs
from shared.flow import check_record, events
from shared.flow.batch import trouble
from shared.flow.context import CheckContext
from shared.model.batch import Batch
from tests.simulation.defects.defect import Defect, Planted


def _line_not_written(level: str, silent: logs.Event) -> Callable[[], Planted]:
    """One kind of log line is never written."""
    original = getattr(logs, level)

    def write(event: logs.Event, message: str, **fields: Any) -> None:
        if event != silent:
            original(event, message, **fields)

    return lambda: patch.object(logs, level, write)


def _event_not_recorded(silent: str) -> Callable[[], Planted]:
    """One kind of event is never recorded."""
    original = events.record

    def record(transaction: Any, event: str, *facts: Any) -> None:
        if event != silent:
            original(transaction, event, *facts)

    return lambda: patch.object(events, "record", record)


def _never_stuck() -> Planted:
    """A batch that stands still is named to nobody."""
    return patch.object(trouble, "name_if_stuck", lambda *_: None)


def _everybody_stuck() -> Planted:
    """A batch is named as stuck as soon as it waits."""
    original = trouble.name_if_stuck

    def name(check: CheckContext, batch: Batch, what: str) -> None:
        at_once = replace(check.settings, stuck_after=timedelta(days=-1))
        original(replace(check, settings=at_once), batch, what)

    return patch.object(trouble, "name_if_stuck", name)


def _waiting_not_recorded() -> Planted:
    """A check that opens nothing leaves no row."""
    return patch.object(check_record, "_record", lambda *_, **__: 0)


ALERTS: Final = (
    Defect(
        "no alert for a refund",
        _line_not_written("error", logs.Event.BATCH_REFUNDED),
        10,
        conditions={"course": "refund"},
    ),
    Defect("no alert for a failed batch", _line_not_written("error", logs.Event.BATCH_FAILED), 20),
    Defect("no alert for a refused amount", _line_not_written("error", logs.Event.AMOUNT_REFUSED), 60),
    Defect("no line for a created batch", _line_not_written("info", logs.Event.BATCH_CREATED), 5),
    Defect("no line for a check", _line_not_written("info", logs.Event.CHECK_COMPLETED), 5),
    Defect("no warning of a threshold's fallback", _line_not_written("warning", logs.Event.THRESHOLD_FALLBACK), 60),
    Defect("no warning of a policy's fallback", _line_not_written("warning", logs.Event.POLICY_FALLBACK), 60),
    Defect("no warning of unclaimable payments", _line_not_written("warning", logs.Event.PAYMENTS_UNCLAIMABLE), 60),
    Defect("no completed event", _event_not_recorded("batch.completed"), 5),
    Defect("no failed event", _event_not_recorded("batch.failed"), 20),
    Defect("never stuck", _never_stuck, 60),
    Defect("everybody stuck", _everybody_stuck, 30),
    Defect("no row for a check", _waiting_not_recorded, 5),
)
