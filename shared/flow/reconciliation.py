"""Batches whose callback has not come: ChangeNow is asked, and its answer ends them or names them to a person."""

import uuid
from datetime import datetime, timedelta
from typing import Final

from shared import logs
from shared.errors import BatchConflict, ExchangeRefused, ExchangeUnfinished, RuleViolated
from shared.flow import events
from shared.flow.batches import lock_batch, read_batch
from shared.flow.context import CheckContext
from shared.flow.ordering import record_order, release
from shared.flow.settlement import (
    Settlement,
    log_completed,
    log_mismatch,
    require_payout,
    require_plausible,
    settle,
)
from shared.model.batch import Batch
from shared.model.exchange import ExchangeState

BATCHES_MAX: Final = 50  # a check; the longest waiting come first
ASK_AGAIN_SHARE: Final = 2  # half the time that a batch has been overdue
ASK_AGAIN_MAX: Final = timedelta(hours=1)


def reconcile_all(check: CheckContext) -> None:
    """Ask ChangeNow about every batch that is due; stops at the first time that ChangeNow does not answer."""
    due = check.session.rows(
        "list_batches_to_reconcile",
        ordered_before=check.now() - check.settings.reconcile_grace,
        now=check.now(),
        batches_max=BATCHES_MAX,
    )
    for row in due:
        reconcile(check, row["batch_conversion_id"])


def reconcile(check: CheckContext, batch_conversion_id: uuid.UUID) -> None:
    """Bring one batch to where ChangeNow says that it is; raises ExchangeUnavailable, and then nothing has changed."""
    batch = read_batch(check.session, batch_conversion_id)
    if batch.status != "swapping" or batch.cn_api_id is None:
        return
    try:
        state = check.exchange.get_exchange(batch.cn_api_id)
    except ExchangeRefused as refusal:
        _still_open(check, batch, refusal.code)
        return
    if batch.task_enqueued_at is None and not (state.is_unpaid or state.is_lost):
        record_order(check, batch)  # a deposit tells that the order was out
    if state.is_lost:
        _end(check, batch, state)
    else:
        _settle_or_wait(check, batch, state)


def _end(check: CheckContext, batch: Batch, state: ExchangeState) -> None:
    if state.is_refunded:
        logs.error(
            logs.Event.BATCH_REFUNDED,
            "ChangeNow sent the ETH back less its fees; compare the refund address's balance",
            exchange_status=state.status,
            **batch.facts,
        )
    release(check, batch, state.status, state.status)


def _settle_or_wait(check: CheckContext, batch: Batch, state: ExchangeState) -> None:
    now = check.now()
    try:
        amount_usdt = require_payout(state)
        require_plausible(batch, amount_usdt, check.settings.received_deviation_pct)
        settlement = Settlement(amount_usdt, state.payin_hash, "reconciliation")
        with check.session.transaction() as transaction:
            locked = lock_batch(transaction, batch.batch_conversion_id)
            if locked is None or locked.status != "swapping":
                return  # the callback came first
            settle(transaction, locked, settlement, now)
    except (ExchangeUnfinished, BatchConflict):
        _still_open(check, batch, state.status)
    except RuleViolated as refusal:
        log_mismatch(batch.batch_conversion_id, refusal)
        _still_open(check, batch, state.status)
    else:
        log_completed(batch, settlement, now)


def _still_open(check: CheckContext, batch: Batch, exchange_status: str) -> None:
    """Leave the batch as it is, ask again later and later, and past the stuck time name it to a person."""
    now = check.now()
    check.session.execute(
        "record_exchange_status",
        batch_conversion_id=batch.batch_conversion_id,
        exchange_status=exchange_status[:40],
        reconcile_after=now + _pause(check, _since(batch), now),
    )
    name_if_stuck(check, batch, exchange_status)


def name_if_stuck(check: CheckContext, batch: Batch, exchange_status: str) -> None:
    """Name a batch that stands still for longer than the stuck time: a log line each time, an event once."""
    now = check.now()
    if now - _since(batch) <= check.settings.stuck_after:
        return
    with check.session.transaction() as transaction:
        if transaction.execute("record_stuck", batch_conversion_id=batch.batch_conversion_id, now=now):
            events.record(transaction, "batch.stuck", batch.facts | {"exchange_status": exchange_status}, now)
    hint = _hint(check, batch)
    logs.error(
        logs.Event.BATCH_STUCK,
        f"Batch conversion stuck: ChangeNow says {exchange_status}; {hint}",
        age_s=int((now - _since(batch)).total_seconds()),
        exchange_status=exchange_status,
        hint=hint,
        **batch.facts,
    )


def _since(batch: Batch) -> datetime:
    return batch.task_enqueued_at or batch.order_prepared_at or batch.created_at


def _pause(check: CheckContext, since: datetime, now: datetime) -> timedelta:
    overdue = max(now - since - check.settings.reconcile_grace, timedelta(0))
    return min(overdue / ASK_AGAIN_SHARE, ASK_AGAIN_MAX)


def _hint(check: CheckContext, batch: Batch) -> str:
    show = f"./microbatch batch {batch.batch_conversion_id}"
    if batch.cn_api_id is None:
        return f"no exchange could be made; see why in the lines before, and: {show}"
    if batch.order_prepared_at is None:
        return f"the order could not be sent; see why in the lines before, and: {show}"
    if batch.task_enqueued_at is None:
        return f"nobody knows whether the order went out: look at GCHostPay1's log for this batch, and: {show}"
    return f"look at {check.exchange.get_page_url(batch.cn_api_id)}, at GCHostPay1's log, and: {show}"
