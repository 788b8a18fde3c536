"""The way of a batch to its payment order: exchange, order, or release. One path, whether it is new or left behind.

pending (payments claimed) -> swapping (exchange stored) -> order prepared -> order enqueued. Every step is on record
before the next one speaks to anybody, so that a check that finds a batch in any of these states can go on from there.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from shared import logs
from shared.errors import ExchangeRefused, NoQuote, OrderRefused
from shared.flow import events, quoting
from shared.flow.batches import read_batch
from shared.flow.context import CheckContext
from shared.model.batch import Batch
from shared.model.exchange import CreatedExchange
from shared.model.quote import Quote
from shared.model.tokens import encrypt_microbatch_to_gchostpay1_token
from shared.outside.database import Transaction

# A task's name is blocked "up to 24 hours" after its end: surely for minutes. An order whose fate is unknown may be
# sent again under the same name for this long; later it might be a second one. A second one could be accepted while its
# token is young (300 s): a name that stays blocked for 25 minutes is enough.
ORDER_REPEATABLE_FOR: Final = timedelta(minutes=20)

# ChangeNow does not say when an exchange that nobody pays expires. One that waited for so long without an order is
# given up, so that no order can reach GCHostPay1 shortly before the end.
EXCHANGE_ORDERABLE_FOR: Final = timedelta(hours=1)


def advance(check: CheckContext, batch: Batch) -> None:
    """Take a batch from whatever state it is in to an order that Cloud Tasks has, or release it if that cannot be.

    Raises ExchangeUnavailable, OrderUnknown, OrderRefused or DatabaseUnavailable; the next check goes on from there.
    """
    if batch.cn_api_id is None:
        batch = _refresh_quote(check, batch)
        batch = _make_exchange(check, batch) if batch.status == "pending" else batch
    elif _is_stale(check, batch):
        batch = _look_at_exchange(check, batch)
    if batch.status == "swapping" and batch.task_enqueued_at is None:
        _send_order(check, batch)


def release(check: CheckContext, batch: Batch, failure: str, exchange_status: str | None = None) -> Batch:
    """End a batch whose swap will not come, and give its payments back to the next one, in one transaction."""
    with check.session.transaction() as transaction:
        failed = fail_batch(transaction, batch, failure, exchange_status=exchange_status, now=check.now())
    if failed:
        logs.error(
            logs.Event.BATCH_FAILED,
            "Batch conversion failed",
            **batch.facts | {"reason": failure, "exchange_status": exchange_status},
        )
    return read_batch(check.session, batch.batch_conversion_id)


def fail_batch(
    transaction: Transaction, batch: Batch, failure: str, *, exchange_status: str | None, now: datetime
) -> bool:
    """Fail a batch that is alive, give its payments back and record the event; returns False where it has ended."""
    failed = transaction.execute(
        "fail_batch",
        batch_conversion_id=batch.batch_conversion_id,
        failure_reason=failure[:255],
        exchange_status=exchange_status,
    )
    if failed:
        transaction.execute("release_payments", batch_conversion_id=batch.batch_conversion_id, now=now)
        events.record(transaction, "batch.failed", batch.facts | {"reason": failure}, now)
    return failed > 0


def record_order(check: CheckContext, batch: Batch) -> None:
    """Put on record that the order is out, and tell of the batch; a callback may already have completed it."""
    now = check.now()
    with check.session.transaction() as transaction:
        if not transaction.execute("record_order", batch_conversion_id=batch.batch_conversion_id, now=now):
            return
        events.record(transaction, "batch.created", batch.facts, now)
    logs.info(logs.Event.BATCH_CREATED, "Batch conversion created", **batch.facts)


def _is_stale(check: CheckContext, batch: Batch) -> bool:
    return batch.quoted_at is None or check.now() - batch.quoted_at > check.settings.quote_age_max


def _refresh_quote(check: CheckContext, batch: Batch) -> Batch:
    """Quote a batch anew if its quote has aged; release it if it is no longer worth what its payments are."""
    if not _is_stale(check, batch):
        return batch
    sums = quoting.read_claimed(check.session, batch.batch_conversion_id)
    if (sums.payments, sums.total_usd) != (batch.payments, batch.total_usd):  # joined by hand
        return release(check, batch, "payments_changed")
    try:
        quote = quoting.get_quote(check.exchange, sums, check.policy)
    except NoQuote as no_quote:
        return release(check, batch, no_quote.reason)
    return _store_quote(check, batch, quote)


def _make_exchange(check: CheckContext, batch: Batch) -> Batch:
    """Make the batch's exchange and store it; what ChangeNow finally refuses releases the batch."""
    assert batch.amount_eth is not None, "a quoted batch knows its ETH"
    try:
        created = check.exchange.create_exchange(
            amount_eth=batch.amount_eth,
            payout_address=check.settings.payout_address,
            refund_address=check.settings.refund_address,
        )
    except ExchangeRefused as refusal:
        return release(check, batch, f"{refusal.code}: no exchange could be made")
    if created.estimated_usdt is not None:
        try:
            quoting.require_worth(Quote(batch.amount_eth, created.estimated_usdt), batch.total_usd, check.policy)
        except NoQuote as no_quote:
            return release(check, batch, no_quote.reason)
    return _store_exchange(check, batch, created)


def _store_exchange(check: CheckContext, batch: Batch, created: CreatedExchange) -> Batch:
    now = check.now()
    stored = check.session.execute(
        "store_exchange",
        batch_conversion_id=batch.batch_conversion_id,
        cn_api_id=created.cn_api_id,
        payin_address=created.payin_address,
        now=now,
    )
    if not stored:  # it was ended in the meantime
        return read_batch(check.session, batch.batch_conversion_id)
    return replace(
        batch,
        status="swapping",
        cn_api_id=created.cn_api_id,
        payin_address=created.payin_address,
        exchange_made_at=now,
    )


def _look_at_exchange(check: CheckContext, batch: Batch) -> Batch:
    """Ask ChangeNow about an exchange left behind, before anybody is told to pay it.

    A deposit means that the order did go out; an exchange that ended releases the batch; so does one that is old, or a
    price that moved too far, while surely nothing was ordered.
    """
    assert batch.cn_api_id is not None
    ordered_perhaps = batch.order_prepared_at is not None
    try:
        state = check.exchange.get_exchange(batch.cn_api_id)
    except ExchangeRefused as refusal:
        if ordered_perhaps or not refusal.is_not_found:
            raise
        return release(check, batch, "exchange_not_found")
    if state.is_lost:
        return release(check, batch, state.status, state.status)
    if not state.is_unpaid:
        record_order(check, batch)
        return read_batch(check.session, batch.batch_conversion_id)
    return batch if ordered_perhaps else _require_still_worth(check, batch, batch.amount_eth or state.expected_eth)


def _require_still_worth(check: CheckContext, batch: Batch, amount_eth: Decimal | None) -> Batch:
    """Release a batch whose exchange, surely not ordered, is old, or no longer worth what the payments are."""
    made_at = batch.exchange_made_at or batch.created_at
    if amount_eth is None or check.now() - made_at > EXCHANGE_ORDERABLE_FOR:
        return release(check, batch, "exchange_too_old")
    try:
        quote = quoting.get_guarded_quote(check.exchange, amount_eth, batch.total_usd, check.policy)
    except NoQuote as no_quote:
        return release(check, batch, no_quote.reason)
    return _store_quote(check, batch, quote)


def _store_quote(check: CheckContext, batch: Batch, quote: Quote) -> Batch:
    now = check.now()
    stored = check.session.execute(
        "store_quote",
        batch_conversion_id=batch.batch_conversion_id,
        amount_eth=quote.amount_eth,
        quoted_usdt=quote.estimated_usdt,
        now=now,
    )
    if not stored:  # it was ordered in the meantime
        return read_batch(check.session, batch.batch_conversion_id)
    return replace(batch, amount_eth=quote.amount_eth, quoted_usdt=quote.estimated_usdt, quoted_at=now)


def _send_order(check: CheckContext, batch: Batch) -> None:
    """Send the one payment order, with the intent on record before it and the result after it."""
    assert batch.cn_api_id
    assert batch.payin_address
    assert batch.amount_eth is not None
    now = check.now()  # one instant for all: if this process stands still after it, the token is too old to be taken
    if batch.order_prepared_at is not None and now - batch.order_prepared_at > ORDER_REPEATABLE_FOR:
        return  # it stood still before: an order may be out whose name is free by now
    if not check.session.execute("prepare_order", batch_conversion_id=batch.batch_conversion_id, now=now):
        return  # it was ended or ordered in the meantime
    token = encrypt_microbatch_to_gchostpay1_token(
        batch_conversion_id=batch.batch_conversion_id,
        cn_api_id=batch.cn_api_id,
        amount_eth=batch.amount_eth,
        payin_address=batch.payin_address,
        now=now,
        signing_key=check.settings.signing_keys[0],
    )
    try:
        check.orders.enqueue_gchostpay1_batch_execution(batch.batch_conversion_id, token)
    except OrderRefused:
        if batch.order_prepared_at is None:  # the only attempt, and surely no task
            check.session.execute("forget_order", batch_conversion_id=batch.batch_conversion_id)
        raise
    record_order(check, batch)
