"""One check: finish what an earlier one left behind, read the levers, decide, and open what is due."""

import uuid
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from shared import logs
from shared.errors import CheckInProgress
from shared.flow import events
from shared.flow.batch.opening import Opening
from shared.flow.batch.ordering import ORDER_REPEATABLE_FOR, try_to_advance
from shared.flow.batch.reconciliation import reconcile_all
from shared.flow.batch.trouble import contain
from shared.flow.batches import read_batch
from shared.flow.breaker import is_breaker_open
from shared.flow.check_lock import CHECK_LOCK
from shared.flow.check_record import (
    Snapshot,
    get_swap_cost_usd,
    get_total_pending_usd,
    log_check,
    record_waiting,
)
from shared.flow.context import OPENING_FOR, RESUMING_FOR, CheckContext, CheckDependencies
from shared.flow.fence import CheckFence
from shared.flow.threshold_and_policy import get_micro_batch_policy, get_micro_batch_threshold
from shared.model.reasons import Reason
from shared.outside.database import Session

FORCE_VALID_FOR: Final = timedelta(hours=1)
RESUMED_MAX: Final = 20  # a check; what is left waits for the next


class Outcome(NamedTuple):
    """What a check came to: its reason, and the batches that it opened."""

    reason: Reason
    opened: tuple[uuid.UUID, ...] = ()


def run_check(dependencies: CheckDependencies, *, forced: bool, told_at: datetime | None = None) -> Outcome:
    """Run one check; a second one beside it says so and ends well, unless it was to open a batch in any case.

    *told_at* is when the tick was sent: forcing holds for an hour. Raises CheckInProgress or DatabaseUnavailable.
    """
    forced = forced and not _is_force_expired(dependencies, told_at)
    with dependencies.database.exclusive(CHECK_LOCK) as session:
        if session is None:
            return _leave_to_the_other(dependencies, forced=forced)
        outcome = _run_alone(dependencies, session, forced=forced)
        events.publish_waiting(session, dependencies.publisher, dependencies.now())
        return outcome


def _is_force_expired(dependencies: CheckDependencies, told_at: datetime | None) -> bool:
    if told_at is None or dependencies.now() - told_at <= FORCE_VALID_FOR:
        return False
    logs.warning(
        logs.Event.FORCE_EXPIRED,
        "A forced tick came more than an hour after it was sent, and counts as an ordinary one",
        told_at=told_at.isoformat(),
    )
    return True


def _leave_to_the_other(dependencies: CheckDependencies, *, forced: bool) -> Outcome:
    reason = Reason.CHECK_IN_PROGRESS
    with dependencies.database.transaction() as transaction:
        record_waiting(transaction, None, reason, dependencies.now())
    logs.info(logs.Event.CHECK_COMPLETED, "Another check is in progress - no action", reason=reason)
    if forced:
        raise CheckInProgress("another check is in progress; a forced tick has to come again")
    return Outcome(reason)


def _run_alone(dependencies: CheckDependencies, session: Session, *, forced: bool) -> Outcome:
    began_at = dependencies.now()
    policy = get_micro_batch_policy(dependencies.secrets, session)
    check = CheckContext(
        dependencies.settings,
        session,
        dependencies.exchange,
        dependencies.orders,
        CheckFence(dependencies.fence),
        policy=policy.policy,
        began_at=began_at,
        now=dependencies.now,
        sleep=dependencies.sleep,
    )
    blocked_by = _finish_what_was_left(check)
    threshold = get_micro_batch_threshold(dependencies.secrets, session)
    now = check.now()
    pending = get_total_pending_usd(session, policy.policy, now)
    swap_cost_usd = get_swap_cost_usd(session, policy.policy)
    opening = Opening(
        check, Snapshot(pending, threshold, policy, forced, now, check.fence.number_read, swap_cost_usd=swap_cost_usd)
    )
    reason = blocked_by or opening.open_what_is_due()
    if not opening.opened:
        record_waiting(session, opening.snapshot, reason, now)
    log_check(opening.snapshot, reason, len(opening.opened))
    return Outcome(reason, tuple(opening.opened))


def _finish_what_was_left(check: CheckContext) -> Reason | None:
    """Advance what has no order yet and reconcile what has; the reason why nothing new may be opened, or None."""
    blocked_by: list[Reason] = []

    def resume(batch_conversion_id: uuid.UUID) -> bool:
        stopped_by = try_to_advance(check, read_batch(check.session, batch_conversion_id))
        blocked_by.extend([stopped_by] if stopped_by else [])
        return True

    left = list_batches_to_resume(check)
    check.fence.make()
    for batch_conversion_id in left:
        if not check.has_time(RESUMING_FOR):
            break
        contain(check, batch_conversion_id, resume)
    reconcile_all(check)
    if is_breaker_open(check):
        blocked_by.append(Reason.DEPOSITS_LOST)
    if not (blocked_by or check.has_time(OPENING_FOR)):
        logs.error(logs.Event.EXCHANGE_UNAVAILABLE, "ChangeNow answers so slowly that no time is left to open anything")
        blocked_by.append(Reason.EXCHANGE_UNAVAILABLE)
    return check.fence.blocked_by or next(iter(blocked_by), None)


def list_batches_to_resume(check: CheckContext) -> list[uuid.UUID]:
    """Read the fence, and list the batches without an order; none of them is touched while the fence holds orders back.

    They may have been ordered in a time that the database has forgotten: they are neither ordered nor given back.
    """
    check.fence.look(check.session)
    if check.fence.blocked_by:
        return []
    rows = check.session.rows(
        "list_batches_to_resume",
        **check.fence.position,
        repeatable_since=check.now() - ORDER_REPEATABLE_FOR,
        batches_max=RESUMED_MAX,
    )
    check.fence.judge(is_known=rows[0]["is_fence_known"])
    if check.fence.blocked_by:
        return []
    return [row["batch_conversion_id"] for row in rows if row["batch_conversion_id"] is not None]
