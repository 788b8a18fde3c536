"""Batches given up while their order may have been out: ChangeNow is asked for a week whether USDT still came."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from shared.errors import ExchangeRefused, ExchangeUnavailable
from shared.flow import events
from shared.flow.batch.ending import ask_after_end, get_failure, log_deposit_lost
from shared.flow.batch.late_payouts import log_late_payout, record_late_payout
from shared.flow.batch.trouble import ASK_GIVEN_UP_MAX, record_no_answer, record_question
from shared.flow.batches import read_batch
from shared.flow.context import CheckContext
from shared.model.batch import Batch
from shared.model.exchange import ExchangeState
from shared.outside.database import Transaction

WATCHED_FOR: Final = timedelta(days=7)
ASK_SHARE: Final = 2  # half the time since it was given up


def ask_given_up(check: CheckContext, batch_conversion_id: uuid.UUID, given_up_at: datetime) -> bool:
    """Ask ChangeNow about a batch given up at that instant; False where ChangeNow did not answer."""
    batch = read_batch(check.session, batch_conversion_id)
    assert batch.cn_api_id is not None, "only batches with an exchange are listed"
    try:
        state = check.exchange.get_exchange(batch.cn_api_id)
    except (ExchangeRefused, ExchangeUnavailable) as error:
        record_no_answer(check, batch, error)
        _stop_in_time(check, batch, given_up_at)
        return isinstance(error, ExchangeRefused)
    if state.is_finished and state.received_usdt is not None:
        _record_payout(check, batch, state)
        return True
    if state.is_lost and state.has_deposit and batch.deposit_lost_at is None:
        _record_lost_deposit(check, batch, state)
    _ask_later(check, batch, state, given_up_at)
    return True


def _record_payout(check: CheckContext, batch: Batch, state: ExchangeState) -> None:
    if _commit(check, lambda transaction: record_late_payout(transaction, batch, state, check.now())):
        log_late_payout(batch, state)


def _record_lost_deposit(check: CheckContext, batch: Batch, state: ExchangeState) -> None:
    now = check.now()

    def record(transaction: Transaction) -> bool:
        is_new = transaction.execute(
            "record_lost_deposit",
            batch_conversion_id=batch.batch_conversion_id,
            failure_reason=get_failure(state),
            **state.deposit,
            now=now,
        )
        if is_new:
            facts = batch.facts | {"exchange_status": state.status} | state.deposit
            events.record(transaction, "batch.deposit_lost", facts, now)
        return is_new > 0

    if _commit(check, record):
        log_deposit_lost(batch, state)


def _commit(check: CheckContext, record: Callable[[Transaction], bool]) -> bool:
    """Put something on record with its event, all or nothing; False where it was there already."""
    with check.session.transaction() as transaction:
        return record(transaction)


def _ask_later(check: CheckContext, batch: Batch, state: ExchangeState, given_up_at: datetime) -> None:
    now = check.now()
    pause = min(max((now - given_up_at) / ASK_SHARE, ask_after_end(check)), ASK_GIVEN_UP_MAX)
    ask_at = now + pause if now - given_up_at < WATCHED_FOR else None
    record_question(check, batch, state.status, failed=0, ask_at=ask_at)


def _stop_in_time(check: CheckContext, batch: Batch, given_up_at: datetime) -> None:
    """Leave an exchange that gives no answer alone once it has been asked about for long enough."""
    if check.now() - given_up_at >= WATCHED_FOR:
        record_question(check, batch, None, failed=batch.questions_failed + 1, ask_at=None)
