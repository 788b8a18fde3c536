"""Tries a deployment the way it is used: a call through the callback queue, a check through the topic.

The functions admit calls from inside only, so a laptop cannot ask them anything; Cloud Tasks can,
with the identity of GCHostPay1, and Pub/Sub can. That tests the network and the grants as well.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.api_core.exceptions import NotFound
from google.cloud import tasks_v2
from google.cloud.pubsub_v1 import PublisherClient
from pg8000.dbapi import Connection

from ops.command_line.failures import NotDone
from ops.deployment.installation import Installation
from shared.outside.driver_errors import translate_errors

PUBLISH_TIMEOUT_S = 30

# A first installation opens nothing until an operator has said so: all else is proven.
HELD = {
    "paused": "as a first installation is until somebody types: ./microbatch policy resume",
    "cut_over_pending": "which of the payments that were there before are ours is not decided: ./microbatch cut-over",
}
SICK = {
    "exchange_unavailable": "ChangeNow did not answer: its key, or the way out; docs/runbook.md#exchange-unavailable",
    "policy_unreadable": "MICRO_BATCH_POLICY cannot be read; docs/runbook.md#configuration-fallback",
}


class SmokeFailedError(NotDone):
    """The deployment does not work; the message says what to look at."""


@dataclass(frozen=True)
class Patience:
    """How long to wait; a first deployment's grants and trigger take minutes to act."""

    health_s: float = 300
    check_s: float = 600
    poll_s: float = 2


DEFAULT_PATIENCE = Patience()


def smoke(
    installation: Installation,
    connection: Connection,
    *,
    tasks: tasks_v2.CloudTasksClient,
    patience: Patience = DEFAULT_PATIENCE,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Return the check's row once both functions have done their work; raises SmokeFailedError.

    The check is a real one: unless paused, with enough dollars pending it opens a batch.
    """
    ask_health(installation, tasks, patience)
    say("swap_executed: healthy, reached through its queue")
    newest = _newest_check(connection)
    publish_check(installation)
    say("check_threshold: triggered through the topic, waiting for its row in threshold_checks ...")
    row = _await_check(connection, newest, patience)
    if row["threshold_source"] != "secret":
        raise SmokeFailedError(
            f"the threshold came from {row['threshold_source']}, not from MICRO_BATCH_THRESHOLD_USD: "
            "see docs/runbook.md#configuration-fallback (a new grant takes minutes to act)"
        )
    if row["reason"] in SICK:
        raise SmokeFailedError(f"the check ended with {row['reason']}: {SICK[row['reason']]}")
    if row["reason"] in HELD:
        say(f"the check opened nothing, {HELD[row['reason']]}")
    return row


def ask_health(installation: Installation, tasks: tasks_v2.CloudTasksClient, patience: Patience) -> None:
    """Have Cloud Tasks call GET /health as GCHostPay1 would call; a 2xx ends and deletes the task."""
    request = tasks_v2.HttpRequest(http_method=tasks_v2.HttpMethod.GET, url=f"{installation.callback_url}/health")
    if installation.callback_account is not None:
        request.oidc_token = tasks_v2.OidcToken(
            service_account_email=installation.callback_account,
            audience=installation.callback_url,
        )
    name = f"{installation.callback_queue}/tasks/smoke-test-{uuid.uuid4()}"
    task = tasks.create_task(
        parent=installation.callback_queue,
        task=tasks_v2.Task(name=name, http_request=request),
    )
    deadline = time.monotonic() + patience.health_s
    while time.monotonic() < deadline:
        time.sleep(patience.poll_s)
        try:
            task = tasks.get_task(name=name)
        except NotFound:
            return
    _withdraw(tasks, name)
    raise SmokeFailedError(
        f"GET {installation.callback_url}/health did not succeed in {patience.health_s:g} s "
        f"({task.dispatch_count} attempts, the last answered {_answer(task)}). PERMISSION_DENIED: "
        "the caller's run.invoker, or the ingress; UNAVAILABLE: the database, see swap_executed's "
        "log (docs/runbook.md#dependency-unavailable)"
    )


def _answer(task: tasks_v2.Task) -> str:
    """How the last attempt ended, in the word that Cloud Tasks has for the HTTP status."""
    if "response_status" not in task.last_attempt:
        return "nothing"
    status = task.last_attempt.response_status
    names: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}
    return f"{names.get(status.code, status.code)} {status.message}".strip()


def publish_check(installation: Installation) -> None:
    """Trigger one check as the schedule does."""
    future = PublisherClient().publish(installation.trigger_topic, b"{}", source="smoke-test")
    future.result(timeout=PUBLISH_TIMEOUT_S)


def _withdraw(tasks: tasks_v2.CloudTasksClient, name: str) -> None:
    """Delete the task, which Cloud Tasks would try for a day; it may just have ended by itself."""
    try:
        tasks.delete_task(name=name)
    except NotFound:
        return


def _newest_check(connection: Connection) -> int:
    with translate_errors("the newest check"):
        cursor = connection.cursor()
        cursor.execute("SELECT COALESCE(MAX(id), 0) FROM threshold_checks")
        return int(cursor.fetchone()[0])


def _await_check(connection: Connection, after: int, patience: Patience) -> dict[str, Any]:
    deadline = time.monotonic() + patience.check_s
    while True:
        with translate_errors("the check awaited"):
            cursor = connection.cursor()
            cursor.execute(
                "SELECT id, checked_at, reason, pending_usd, threshold_usd, threshold_source "
                "FROM threshold_checks WHERE id > %s AND reason <> 'check_in_progress' ORDER BY id LIMIT 1",
                (after,),
            )
            row = cursor.fetchone()
        if row is not None:
            return dict(zip([column[0] for column in cursor.description], row, strict=True))
        if time.monotonic() >= deadline:
            raise SmokeFailedError(
                f"no row in threshold_checks {patience.check_s:g} s after the message: see "
                "docs/runbook.md#check-stopped (a new trigger takes minutes to deliver)"
            )
        time.sleep(patience.poll_s)
