"""USDT that arrives for a batch given up: on record once, told once, for a person to deal with."""

from datetime import datetime

from shared import logs
from shared.flow import events
from shared.model.batch import Batch
from shared.model.exchange import ExchangeState
from shared.model.money import round_down
from shared.outside.database import Transaction


def record_late_payout(transaction: Transaction, batch: Batch, state: ExchangeState, now: datetime) -> bool:
    """Put USDT that arrived for a batch given up on record, with its event; False where it was there already."""
    assert state.received_usdt is not None
    late_usdt = round_down(state.received_usdt)
    is_new = transaction.execute(
        "record_late_payout",
        batch_conversion_id=batch.batch_conversion_id,
        late_usdt=late_usdt,
        exchange_status=state.status,
        **state.deposit,
        now=now,
    )
    if is_new:
        facts = batch.facts | state.deposit | {"late_usdt": late_usdt}
        events.record(transaction, "batch.paid_late", facts, now)
    return bool(is_new)


def log_late_payout(batch: Batch, state: ExchangeState) -> None:
    """Tell of it, after the commit."""
    logs.error(
        logs.Event.PAID_AFTER_FAILURE,
        "A batch that was given up was paid out after all; its payments are in another batch or pending. "
        f"See: ./microbatch batch {batch.batch_conversion_id}",
        late_usdt=state.received_usdt,
        **batch.facts,
    )
