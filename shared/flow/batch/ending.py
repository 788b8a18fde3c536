"""The one end of a batch whose swap will not come: its payments go back, and a deposit that is gone is told."""

from datetime import timedelta
from typing import Any, Final

from shared import logs
from shared.flow import events
from shared.flow.batches import read_batch
from shared.flow.context import CheckContext
from shared.model.batch import Batch
from shared.model.exchange import ExchangeState
from shared.outside.database import Transaction

ASK_AFTER_END_MAX: Final = timedelta(minutes=15)
REFUNDED: Final = "refunded"


def release(check: CheckContext, batch: Batch, failure: str, state: ExchangeState | None = None) -> Batch:
    """End a batch and give its payments back to the next one, in one transaction.

    *state* is ChangeNow's word where that ended it: with a deposit and without a payout, the deposit is lost.
    """
    with check.session.transaction() as transaction:
        failed = fail_batch(check, transaction, batch, failure, state=state)
    if failed:
        log_end(batch, failure, state)
    return read_batch(check.session, batch.batch_conversion_id)


def ask_after_end(check: CheckContext) -> timedelta:
    """How soon ChangeNow is asked about a batch given up: a payout may still come where an order may have been out."""
    return min(check.settings.reconcile_grace, ASK_AFTER_END_MAX)


def fail_batch(
    check: CheckContext, transaction: Transaction, batch: Batch, failure: str, *, state: ExchangeState | None
) -> bool:
    """Fail a batch that is alive, give its payments back and record the events; returns False where it has ended."""
    now = check.now()
    is_deposit_lost = state is not None and state.is_lost and state.has_deposit
    ask_again = batch.is_perhaps_ordered or is_deposit_lost
    failed = transaction.execute(
        "fail_batch",
        batch_conversion_id=batch.batch_conversion_id,
        failure_reason=failure[:255],
        exchange_status=state.status if state else None,
        deposit_eth=state.deposit_eth if state else None,
        payin_hash=state.payin_hash if state else None,
        deposit_lost_at=now if is_deposit_lost else None,
        reconcile_after=now + ask_after_end(check) if ask_again else None,
    )
    if failed:
        transaction.give_way()
        transaction.execute("record_released_payments", batch_conversion_id=batch.batch_conversion_id, now=now)
        transaction.execute("release_payments", batch_conversion_id=batch.batch_conversion_id, now=now)
        events.record(transaction, "batch.failed", batch.facts | {"reason": failure}, now)
        if state is not None and is_deposit_lost:
            events.record(transaction, "batch.deposit_lost", batch.facts | _facts(state), now)
    return failed > 0


def release_lost(check: CheckContext, batch: Batch, state: ExchangeState) -> Batch:
    """End a batch whose exchange has ended without a payout."""
    return release(check, batch, get_failure(state), state)


def get_failure(state: ExchangeState) -> str:
    """Return the word for how an exchange ended: refunded where the ETH is known to have come back."""
    return REFUNDED if state.is_refunded else state.status


def log_deposit_lost(batch: Batch, state: ExchangeState) -> None:
    """Tell of ETH that was paid and for which no USDT will come."""
    where = "compare the refund address's balance" if state.is_refunded else "it is not known to have come back"
    logs.error(
        logs.Event.DEPOSIT_LOST,
        f"Deposit lost: ChangeNow says {state.status} after a deposit; {where}, and see: ./microbatch breaker show",
        **batch.facts | _facts(state),
    )


def _facts(state: ExchangeState) -> dict[str, Any]:
    return {"exchange_status": state.status} | state.deposit


def log_end(batch: Batch, failure: str, state: ExchangeState | None) -> None:
    """Tell that a batch has ended without a payout, after the commit."""
    facts = batch.facts | {"reason": failure, "exchange_status": state.status if state else None}
    if state is not None and state.is_refunded:
        logs.error(
            logs.Event.BATCH_REFUNDED,
            "ChangeNow sent the ETH back less its fees; compare the refund address's balance",
            **facts,
        )
    if state is not None and state.is_lost and state.has_deposit:
        log_deposit_lost(batch, state)
    logs.error(logs.Event.BATCH_FAILED, "Batch conversion failed", **facts)
