"""One check: finish what an earlier one left behind, read the levers, decide, and open what is due."""

import uuid
from dataclasses import dataclass
from typing import Final

from shared import logs
from shared.errors import ExchangeUnavailable
from shared.flow import events
from shared.flow.batches import read_batch
from shared.flow.check_record import Snapshot, get_total_pending_usd, log_check, record_waiting
from shared.flow.context import CheckContext, CheckDependencies
from shared.flow.levers import get_micro_batch_policy, get_micro_batch_threshold
from shared.flow.opening import Opening, log_exchange_unavailable, try_to_advance
from shared.flow.ordering import ORDER_REPEATABLE_FOR
from shared.flow.reconciliation import name_if_stuck, reconcile_all
from shared.model.reasons import Reason
from shared.outside.database import Session

CHECK_LOCK: Final = 0x6D69_6372_6F62  # "microb": one check in flight, in the whole database
RESUMED_MAX: Final = 20  # a check; what is left waits for the next


@dataclass(frozen=True)
class Outcome:
    """What a check came to: its reason, and the batches that it opened."""

    reason: Reason
    opened: tuple[uuid.UUID, ...] = ()


def run_check(dependencies: CheckDependencies, *, forced: bool) -> Outcome:
    """Run one check; a second one beside it says so and ends well. Raises DatabaseUnavailable."""
    with dependencies.database.exclusive(CHECK_LOCK) as session:
        if session is None:
            return _leave_to_the_other(dependencies)
        outcome = _run_alone(dependencies, session, forced=forced)
        events.publish_waiting(session, dependencies.publisher, dependencies.now())
        return outcome


def _leave_to_the_other(dependencies: CheckDependencies) -> Outcome:
    reason = Reason.CHECK_IN_PROGRESS
    with dependencies.database.transaction() as transaction:
        record_waiting(transaction, None, reason, dependencies.now())
    logs.info(logs.Event.CHECK_COMPLETED, "Another check is in progress - no action", reason=reason)
    return Outcome(reason)


def _run_alone(dependencies: CheckDependencies, session: Session, *, forced: bool) -> Outcome:
    policy = get_micro_batch_policy(dependencies.secrets, session)
    check = CheckContext(
        dependencies.settings,
        session,
        dependencies.exchange,
        dependencies.orders,
        policy=policy.policy,
        now=dependencies.now,
    )
    blocked_by = _finish_what_was_left(check)
    threshold = get_micro_batch_threshold(dependencies.secrets, session)
    now = check.now()
    pending = get_total_pending_usd(session, policy.policy, now)
    opening = Opening(check, Snapshot(pending, threshold, policy, forced, now))
    reason = blocked_by or opening.open_what_is_due()
    if not opening.opened:
        record_waiting(session, opening.snapshot, reason, now)
    log_check(opening.snapshot, reason, len(opening.opened))
    return Outcome(reason, tuple(opening.opened))


def _finish_what_was_left(check: CheckContext) -> Reason | None:
    """Advance what has no order yet and reconcile what has; the reason why nothing new may be opened, or None."""
    blocked_by = None
    left = check.session.rows(
        "list_batches_to_resume", repeatable_since=check.now() - ORDER_REPEATABLE_FOR, batches_max=RESUMED_MAX
    )
    for row in left:
        batch = read_batch(check.session, row["batch_conversion_id"])
        if stopped_by := try_to_advance(check, batch):
            blocked_by = stopped_by
            name_if_stuck(check, batch, "nothing yet")
    try:
        reconcile_all(check)
    except ExchangeUnavailable as error:
        log_exchange_unavailable(error)
    return blocked_by
