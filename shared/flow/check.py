"""One check: finish what an earlier one left behind, read the levers, decide, and open what is due."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared import logs
from shared.errors import ExchangeUnavailable
from shared.flow import events
from shared.flow.check_record import Findings, get_total_pending_usd, log_check, log_unclaimable, record_waiting
from shared.flow.levers import get_micro_batch_policy, get_micro_batch_threshold
from shared.flow.opening import Opening, log_exchange_unavailable, try_to_advance
from shared.flow.ordering import ORDER_REPEATABLE_FOR, Run, read_batch
from shared.flow.reconciliation import name_if_stuck, reconcile_all
from shared.model.policy import OPENING, Reason, decide
from shared.outside.changenow import ChangeNow
from shared.outside.cloud_tasks import OrderQueue
from shared.outside.database import Database, Session
from shared.outside.pubsub import EventPublisher
from shared.outside.secret_manager import SecretManager
from shared.settings import CheckSettings

CHECK_LOCK: Final = 0x6D69_6372_6F62  # "microb": one check in flight, in the whole database
RESUMED_MAX: Final = 20  # a check; what is left waits for the next


@dataclass(frozen=True)
class Desk:
    """What check_threshold works with, made once per process; *now* gives aware UTC."""

    settings: CheckSettings
    database: Database
    exchange: ChangeNow
    orders: OrderQueue
    secrets: SecretManager
    publisher: EventPublisher | None
    now: Callable[[], datetime]


@dataclass(frozen=True)
class Outcome:
    """What a check came to: its reason, and the batches that it opened."""

    reason: Reason
    opened: tuple[uuid.UUID, ...] = ()


def run_check(desk: Desk, *, forced: bool) -> Outcome:
    """Run one check; a second one beside it says so and ends well. Raises DatabaseUnavailable."""
    with desk.database.exclusive(CHECK_LOCK) as session:
        if session is None:
            return _already_running(desk)
        outcome = _checked(desk, session, forced=forced)
        events.publish_waiting(session, desk.publisher, desk.now())
        return outcome


def _already_running(desk: Desk) -> Outcome:
    reason = Reason.CHECK_IN_PROGRESS
    with desk.database.transaction() as transaction:
        record_waiting(transaction, None, reason, desk.now())
    logs.info(logs.Event.CHECK_COMPLETED, "Another check is in progress - no action", reason=reason)
    return Outcome(reason)


def _checked(desk: Desk, session: Session, *, forced: bool) -> Outcome:
    policy = get_micro_batch_policy(desk.secrets, session)
    run = Run(desk.settings, session, desk.exchange, desk.orders, policy, desk.now)
    obstacle = _finish_what_was_left(run)
    threshold = get_micro_batch_threshold(desk.secrets, session)
    now = desk.now()
    findings = Findings(get_total_pending_usd(session, now), threshold, policy, now)
    log_unclaimable(findings.pending)
    outcome = _decided(run, findings, obstacle, forced=forced)
    if not outcome.opened:
        with session.transaction() as transaction:
            record_waiting(transaction, findings, outcome.reason, findings.now)
    log_check(findings, outcome.reason, len(outcome.opened))
    return outcome


def _finish_what_was_left(run: Run) -> Reason | None:
    """Advance what has no order yet and reconcile what has; the reason why nothing new may be opened, or None."""
    obstacle = None
    with run.session.transaction() as transaction:
        left = transaction.rows(
            "list_batches_to_resume", repeatable_since=run.now() - ORDER_REPEATABLE_FOR, batches_max=RESUMED_MAX
        )
    for row in left:
        batch = read_batch(run, row["batch_conversion_id"])
        if stopped := try_to_advance(run, batch):
            obstacle = stopped
            name_if_stuck(run, batch, "nothing yet")
    try:
        reconcile_all(run)
    except ExchangeUnavailable as error:
        log_exchange_unavailable(error)
    return obstacle


def _decided(run: Run, findings: Findings, obstacle: Reason | None, *, forced: bool) -> Outcome:
    if obstacle is not None:
        return Outcome(obstacle)
    with run.session.transaction() as transaction:
        row = transaction.row("count_batches_in_flight")
    assert row is not None
    reason = decide(
        findings.pending,
        threshold_usd=findings.threshold.threshold_usd,
        policy=findings.policy,
        forced=forced,
        in_flight=row["batches"],
        now=findings.now,
    )
    if reason not in OPENING:
        return Outcome(reason)
    opening = Opening(run, findings, reason)
    return Outcome(opening.open_all(), tuple(opening.opened))
