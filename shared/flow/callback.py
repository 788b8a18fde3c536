"""GCHostPay1's callback: verified, compared with the batch and with ChangeNow, settled; harmless twice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, NoReturn
from uuid import UUID

from shared import logs
from shared.errors import (
    BatchConflict,
    BatchUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    MicroBatchError,
    RuleViolated,
)
from shared.flow import events
from shared.flow.batch.late_payouts import log_late_payout, record_late_payout
from shared.flow.batch.settlement import (
    Payout,
    Settlement,
    agree,
    log_completed,
    log_mismatch,
    require_payout,
    require_plausible,
    settle,
)
from shared.flow.batches import find_batch, lock_batch
from shared.flow.health import Health
from shared.model.batch import Batch
from shared.model.exchange import Exchange, ExchangeState
from shared.model.tokens import SwapExecuted, decrypt_gchostpay1_to_microbatch_token
from shared.outside.database import Database
from shared.outside.pubsub import EventPublisher
from shared.settings import CallbackSettings


@dataclass(frozen=True)
class CallbackDependencies:
    """What swap_executed works with, made once per process."""

    settings: CallbackSettings
    database: Database
    health: Health
    exchange: Exchange
    publisher: EventPublisher | None
    now: Callable[[], datetime]


class CallbackResult(NamedTuple):
    """What a callback came to; *records_updated* is 0 where all was done before."""

    report: SwapExecuted
    received_usdt: Decimal
    records_updated: int


def process_callback(dependencies: CallbackDependencies, token: str) -> CallbackResult:
    """Complete the batch that a callback reports.

    Raises TokenUnreadable, TokenRejected, ValueImpossible, BatchUnknown, BatchConflict, or (asking again is right)
    DatabaseUnavailable, ExchangeUnavailable, ExchangeUnfinished. Unless it returns, nothing is distributed.
    """
    report = decrypt_gchostpay1_to_microbatch_token(
        token,
        signing_keys=dependencies.settings.signing_keys,
        now=dependencies.now(),
        age_max=dependencies.settings.token_age_max,
    )
    try:
        return _settle_report(dependencies, report)
    except MicroBatchError as error:
        error.batch_conversion_id = report.batch_conversion_id
        raise


def _settle_report(dependencies: CallbackDependencies, report: SwapExecuted) -> CallbackResult:
    batch = _require_match(find_batch(dependencies.database, report.batch_conversion_id), report)
    if batch.status == "completed" and batch.received_usdt is not None:
        return _accept_repeat(batch, report)
    if dependencies.publisher is not None:
        dependencies.publisher.client.prepare()  # while ChangeNow is asked
    state = _ask_exchange(dependencies, report)
    if batch.status == "failed":
        _record_late(dependencies, batch, state)
    payout = _confirm_payout(state, report)
    if batch.status == "completed":  # by the old service, which put no amount on record
        return CallbackResult(report, payout.received_usdt, 0)
    deviation_pct = dependencies.settings.received_deviation_pct
    require_plausible(dependencies.database, batch, payout, deviation_pct=deviation_pct, now=dependencies.now())
    result = _settle(dependencies, report, Settlement(payout, report.tx_hash, "callback"))
    events.publish_waiting(dependencies.database, dependencies.publisher, dependencies.now())
    return result


def _require_match(batch: Batch | None, report: SwapExecuted) -> Batch:
    """Return the batch if the report can be about it."""
    if batch is None:
        raise BatchUnknown(f"no batch {report.batch_conversion_id}")
    if batch.cn_api_id != report.cn_api_id:
        raise BatchConflict("the batch has another exchange")
    if batch.status not in ("swapping", "completed", "failed"):
        raise BatchConflict(f"the batch is {batch.status}")
    return batch


def _accept_repeat(batch: Batch, report: SwapExecuted) -> CallbackResult:
    """Accept a repeat with the same facts; after a reconciliation the transaction hash is the callback's to say."""
    assert batch.received_usdt is not None
    same_hash = batch.settled_by != "callback" or (batch.tx_hash or "").lower() == report.tx_hash.lower()
    if not agree(batch.received_usdt, report.received_usdt) or not same_hash:
        raise BatchConflict("the batch is completed with other facts")
    return CallbackResult(report, batch.received_usdt, 0)


def _ask_exchange(dependencies: CallbackDependencies, report: SwapExecuted) -> ExchangeState:
    try:
        return dependencies.exchange.get_exchange(report.cn_api_id)
    except ExchangeRefused as refusal:
        if not refusal.is_not_found:
            raise ExchangeUnavailable(str(refusal)) from refusal
        raise BatchConflict("ChangeNow does not know the exchange") from refusal


def _confirm_payout(state: ExchangeState, report: SwapExecuted) -> Payout:
    """Return what ChangeNow, the source of truth, paid out, if it is what was reported."""
    payout = require_payout(state)
    if not agree(payout.received_usdt, report.received_usdt):
        raise BatchConflict("ChangeNow paid out another amount than was reported")
    return payout


def _record_late(dependencies: CallbackDependencies, batch: Batch, state: ExchangeState) -> NoReturn:
    """Put a payout for a batch given up on record, where ChangeNow confirms it; the callback itself changes nothing."""
    require_payout(state)
    with dependencies.database.transaction() as transaction:
        is_new = record_late_payout(transaction, batch, state, dependencies.now())
    if is_new:
        log_late_payout(batch, state)
        events.publish_waiting(dependencies.database, dependencies.publisher, dependencies.now())
    raise BatchConflict("the batch was given up; what arrived for it is on record, for an operator to deal with")


def _settle(dependencies: CallbackDependencies, report: SwapExecuted, settlement: Settlement) -> CallbackResult:
    now = dependencies.now()
    try:
        with dependencies.database.transaction() as transaction:
            batch = _require_match(lock_batch(transaction, report.batch_conversion_id), report)
            if batch.status == "completed":  # by a callback or a check in the meantime
                return _accept_repeat(batch, report)
            if batch.status != "swapping":
                raise BatchConflict(f"the batch is {batch.status}")
            distribution = settle(transaction, batch, settlement, now)
    except RuleViolated as refusal:
        log_mismatch(report.batch_conversion_id, refusal)
        raise BatchConflict("the database refused the distribution; nothing was written") from refusal
    log_completed(batch, settlement, distribution, now)
    return CallbackResult(report, settlement.received_usdt, distribution.payments)


def log_refused(status_code: int, refusal: str, reason: str, batch_conversion_id: UUID | None = None) -> None:
    """Tell that a callback was not accepted; *refusal* is one of a few words that a metric can count."""
    logs.warning(
        logs.Event.CALLBACK_REFUSED,
        f"Callback refused: {reason}",
        status_code=status_code,
        refusal=refusal,
        reason=reason,
        batch_conversion_id=batch_conversion_id,
    )


def log_deferred(reason: str, batch_conversion_id: UUID | None = None) -> None:
    """Tell that a callback has to come again."""
    logs.warning(
        logs.Event.CALLBACK_DEFERRED,
        f"Callback deferred: {reason}",
        status_code=503,
        reason=reason,
        batch_conversion_id=batch_conversion_id,
    )
