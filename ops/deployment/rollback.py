"""Stops the schedule and lists the money that is on its way: the first steps of a rollback."""

from collections.abc import Callable
from typing import Any

from google.auth.exceptions import GoogleAuthError
from google.cloud import tasks_v2
from pg8000.dbapi import Connection

from ops.command_line.failures import NotDone
from ops.command_line.text import count
from ops.deployment.installation import Installation
from ops.outside.google_rest import GoogleApi
from shared.errors import MicroBatchError
from shared.outside.driver_errors import translate_errors

SCHEDULER_URL = "https://cloudscheduler.googleapis.com"
TIMEOUT_S = 30
LISTED_MAX = 100

_PENDING_TOTAL = """
SELECT COUNT(*), COALESCE(SUM(accumulated_eth), 0), MIN(created_at)
FROM payout_accumulation WHERE conversion_status = 'pending'
"""
_PENDING = """
SELECT id, accumulated_eth, client_id, created_at
FROM payout_accumulation WHERE conversion_status = 'pending'
ORDER BY created_at, id LIMIT %s
"""
_IN_FLIGHT = """
SELECT
    batch_conversion_id, conversion_status, total_eth_usd, payments_count, cn_api_id, payin_address,
    order_prepared_at, task_enqueued_at, exchange_status, created_at
FROM batch_conversions WHERE conversion_status IN ('pending', 'swapping')
ORDER BY created_at, id
"""


class RollbackFailedError(NotDone):
    """The schedule could not be paused; the message says how to do it by hand."""


def list_under_way(
    installation: Installation,
    connection: Connection,
    *,
    tasks: tasks_v2.CloudTasksClient,
    say: Callable[[str], None],
) -> None:
    """List batches in flight, tasks that wait and pending payments; nothing is changed.

    A batch whose order is out is paid, and completed by its callback, though the schedule pauses.
    """
    _list_in_flight(connection, say)
    _list_tasks("orders that GCHostPay1 has not taken yet", installation.order_queue, tasks, say)
    _list_tasks("callbacks that wait", installation.callback_queue, tasks, say)
    _list_pending(connection, say)


def pause_schedule(job: str, scheduler_url: str = SCHEDULER_URL) -> None:
    """Pause *job*; pausing a paused one changes nothing."""
    try:
        state = GoogleApi(scheduler_url).post(f"/v1/{job}:pause").get("state")
    except (MicroBatchError, GoogleAuthError) as error:
        state = f"{type(error).__name__}: {error}"
    if state != "PAUSED":
        *_, location, _, name = job.split("/")
        raise RollbackFailedError(
            f"the schedule is NOT paused ({state}); by hand: gcloud scheduler jobs pause {name} --location={location}"
        )


def _list_in_flight(connection: Connection, say: Callable[[str], None]) -> None:
    batches = _rows(connection, _IN_FLIGHT)
    say(f"batches in flight: {len(batches)}")
    for batch in batches:
        say(
            f"  {batch['batch_conversion_id']}  {batch['conversion_status']}  "
            f"${batch['total_eth_usd']}  {count(batch['payments_count'] or 0, 'payment')}  "
            f"exchange {batch['cn_api_id'] or 'not made'} {batch['exchange_status'] or ''} -> "
            f"{batch['payin_address'] or '-'}  {_order(batch)}"
        )


def _order(batch: dict[str, Any]) -> str:
    """Whether GCHostPay1 was told to pay; a lost answer of Cloud Tasks is neither yes nor no."""
    if batch["task_enqueued_at"] is not None:
        return f"ORDERED {batch['task_enqueued_at']} UTC"
    if batch["order_prepared_at"] is not None:
        return f"PERHAPS ORDERED {batch['order_prepared_at']} UTC"
    return "no order sent"


def _list_tasks(what: str, queue: str, tasks: tasks_v2.CloudTasksClient, say: Callable[[str], None]) -> None:
    waiting = list(tasks.list_tasks(parent=queue, timeout=TIMEOUT_S))
    say(f"{what}: {len(waiting)}")
    for task in waiting[:LISTED_MAX]:
        name = task.name.rpartition("/")[2]
        say(f"  {name}  {count(task.dispatch_count, 'attempt')}, next at {task.schedule_time}")


def _list_pending(connection: Connection, say: Callable[[str], None]) -> None:
    with translate_errors("the pending total"):
        cursor = connection.cursor()
        cursor.execute(_PENDING_TOTAL)
        payments, total_usd, oldest = cursor.fetchone()
    say(f"pending payments: {payments}, ${total_usd}" + (f", the oldest of {oldest} UTC" if oldest else ""))
    for row in _rows(connection, _PENDING, LISTED_MAX):
        say(f"  {row['id']}  ${row['accumulated_eth']}  client {row['client_id']}  {row['created_at']} UTC")
    if payments > LISTED_MAX:
        say(f"  ... and {payments - LISTED_MAX} more")


def _rows(connection: Connection, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    with translate_errors("a list of the rollback"):
        cursor = connection.cursor()
        cursor.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
