"""Batches whose callback has not come: ChangeNow is asked, and its answer ends them or names them to a person."""

import uuid
from typing import Final

from shared.errors import BatchConflict, ExchangeRefused, ExchangeUnavailable, ExchangeUnfinished, RuleViolated
from shared.flow.batch.ending import release_lost
from shared.flow.batch.given_up import ask_given_up
from shared.flow.batch.ordering import record_order
from shared.flow.batch.settlement import (
    Settlement,
    log_completed,
    log_mismatch,
    require_payout,
    require_plausible,
    settle,
)
from shared.flow.batch.trouble import ask_each, record_answer, record_no_answer
from shared.flow.batches import lock_batch, read_batch
from shared.flow.context import CheckContext
from shared.model.batch import Batch
from shared.model.exchange import ExchangeState

BATCHES_MAX: Final = 50  # of either kind a check; the longest waiting come first


def reconcile_all(check: CheckContext) -> None:
    """Ask ChangeNow about every batch that is due, also about those given up not long ago.

    One that it will not tell us about is asked again later, and holds no other up.
    """
    now = check.now()
    due = check.session.rows(
        "list_batches_to_ask",
        ordered_before=now - check.settings.reconcile_grace,
        now=now,
        batches_max=BATCHES_MAX,
    )
    given_up_at = {row["batch_conversion_id"]: row["given_up_at"] for row in due}

    def ask(batch_conversion_id: uuid.UUID) -> bool:
        instant = given_up_at[batch_conversion_id]
        return ask_given_up(check, batch_conversion_id, instant) if instant else reconcile(check, batch_conversion_id)

    ask_each(check, given_up_at, ask)


def reconcile(check: CheckContext, batch_conversion_id: uuid.UUID) -> bool:
    """Bring one batch to where ChangeNow says that it is; False where ChangeNow did not answer."""
    batch = read_batch(check.session, batch_conversion_id)
    if batch.status != "swapping":
        return True
    if batch.cn_api_id is None:  # the old service's, whose exchange nobody can ask about
        record_no_answer(check, batch, BatchConflict("the batch has no exchange on record"))
        return True
    try:
        state = check.exchange.get_exchange(batch.cn_api_id)
    except (ExchangeRefused, ExchangeUnavailable) as error:
        record_no_answer(check, batch, error)
        return isinstance(error, ExchangeRefused)
    if batch.task_enqueued_at is None and (state.has_deposit or not (state.is_unpaid or state.is_lost)):
        record_order(check, batch)  # a deposit tells that the order was out
    if state.is_lost:
        release_lost(check, batch, state)
    else:
        _settle_or_wait(check, batch, state)
    return True


def _settle_or_wait(check: CheckContext, batch: Batch, state: ExchangeState) -> None:
    now = check.now()
    try:
        payout = require_payout(state)
        deviation_pct = check.settings.received_deviation_pct
        require_plausible(check.session, batch, payout, deviation_pct=deviation_pct, now=now)
        settlement = Settlement(payout, state.payin_hash, "reconciliation")
        with check.session.transaction() as transaction:
            locked = lock_batch(transaction, batch.batch_conversion_id)
            if locked is None or locked.status != "swapping":
                return  # the callback came first
            distribution = settle(transaction, locked, settlement, now)
    except (ExchangeUnfinished, BatchConflict):
        record_answer(check, batch, state.status)
    except RuleViolated as refusal:
        log_mismatch(batch.batch_conversion_id, refusal)
        record_answer(check, batch, state.status)
    else:
        log_completed(batch, settlement, distribution, now)
