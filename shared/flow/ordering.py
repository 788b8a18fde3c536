"""The way of a batch to its payment order: exchange, order, or release. One path, whether it is new or left behind.

pending (payments claimed) -> swapping (exchange stored) -> order prepared -> order enqueued. Every step is on record
before the next one speaks to anybody, so that a check that finds a batch in any of these states can go on from there.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from shared import logs
from shared.errors import ExchangeRefused, OrderRefused
from shared.flow import events, quoting
from shared.flow.batches import Batch, lock_batch
from shared.model.policy import Policy
from shared.model.tokens import encrypt_microbatch_to_gchostpay1_token
from shared.outside import changenow
from shared.outside.changenow import ChangeNow
from shared.outside.cloud_tasks import OrderQueue
from shared.outside.database import Session
from shared.settings import CheckSettings

# A task's name is blocked "up to 24 hours" after its end: surely for minutes. An order whose fate is unknown may be
# sent again under the same name for this long; later it might be a second one. A second one could be accepted while its
# token is young (300 s): a name that stays blocked for 25 minutes is enough.
ORDER_REPEATABLE_FOR: Final = timedelta(minutes=20)

# ChangeNow does not say when an exchange that nobody pays expires. One that waited for so long without an order is
# given up, so that no order can reach GCHostPay1 shortly before the end.
EXCHANGE_ORDERABLE_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Run:
    """One check in flight: its own database session, the peers it calls, what it was told, its clock (aware UTC)."""

    settings: CheckSettings
    session: Session
    exchange: ChangeNow
    orders: OrderQueue
    policy: Policy
    now: Callable[[], datetime]


def read_batch(run: Run, batch_conversion_id: uuid.UUID) -> Batch:
    """Read a batch that is known to exist."""
    with run.session.transaction() as transaction:
        batch = lock_batch(transaction, batch_conversion_id)
    assert batch is not None, f"batch {batch_conversion_id} has vanished"
    return batch


def advance(run: Run, batch: Batch) -> None:
    """Take a batch from whatever state it is in to an order that Cloud Tasks has, or release it if that cannot be.

    Raises ExchangeUnavailable, OrderUnknown, OrderRefused or DatabaseUnavailable; the next check goes on from there.
    """
    if batch.cn_api_id is None:
        batch = _with_fresh_quote(run, batch)
        batch = _with_exchange(run, batch) if batch.status == "pending" else batch
    elif _is_stale(run, batch):
        batch = _still_unpaid(run, batch)
    if batch.status == "swapping" and batch.task_enqueued_at is None:
        _send_order(run, batch)


def release(run: Run, batch: Batch, failure: str, exchange_status: str | None = None) -> Batch:
    """End a batch whose swap will not come, and give its payments back to the next one, in one transaction."""
    now = run.now()
    with run.session.transaction() as transaction:
        failed = transaction.execute(
            "fail_batch",
            batch_conversion_id=batch.batch_conversion_id,
            failure_reason=failure[:255],
            exchange_status=exchange_status,
        )
        if failed:
            transaction.execute("release_payments", batch_conversion_id=batch.batch_conversion_id, now=now)
            events.record(transaction, "batch.failed", batch.facts | {"reason": failure}, now)
    if failed:
        logs.error(
            logs.Event.BATCH_FAILED,
            "Batch conversion failed",
            **batch.facts | {"reason": failure, "exchange_status": exchange_status},
        )
    return read_batch(run, batch.batch_conversion_id)


def record_order(run: Run, batch: Batch) -> None:
    """Put on record that the order is out, and tell of the batch; a callback may already have completed it."""
    now = run.now()
    with run.session.transaction() as transaction:
        if not transaction.execute("record_order", batch_conversion_id=batch.batch_conversion_id, now=now):
            return
        events.record(transaction, "batch.created", batch.facts, now)
    logs.info(logs.Event.BATCH_CREATED, "Batch conversion created", **batch.facts)


def _is_stale(run: Run, batch: Batch) -> bool:
    return batch.quoted_at is None or run.now() - batch.quoted_at > run.settings.quote_age_max


def _with_fresh_quote(run: Run, batch: Batch) -> Batch:
    """Quote a batch anew if its quote has aged; release it if it is no longer worth what its payments are."""
    if not _is_stale(run, batch):
        return batch
    with run.session.transaction() as transaction:
        sums = quoting.read_claimed(transaction, batch.batch_conversion_id)
    try:
        quote = quoting.get_quote(run.exchange, sums, run.policy)
    except quoting.NoQuote as no_quote:
        return release(run, batch, no_quote.reason)
    return _store_quote(run, batch, quote)


def _with_exchange(run: Run, batch: Batch) -> Batch:
    """Make the batch's exchange and store it; what ChangeNow finally refuses releases the batch."""
    assert batch.amount_eth is not None, "a quoted batch knows its ETH"
    try:
        created = run.exchange.create_exchange(
            amount_eth=batch.amount_eth,
            payout_address=run.settings.payout_address,
            refund_address=run.settings.refund_address,
        )
    except ExchangeRefused as refusal:
        return release(run, batch, f"{refusal.code}: no exchange could be made")
    if created.estimated_usdt is not None:
        try:
            quoting.accepted(quoting.Quote(batch.amount_eth, created.estimated_usdt), batch.total_usd, run.policy)
        except quoting.NoQuote as no_quote:
            return release(run, batch, no_quote.reason)
    with run.session.transaction() as transaction:
        transaction.execute(
            "store_exchange",
            batch_conversion_id=batch.batch_conversion_id,
            cn_api_id=created.cn_api_id,
            payin_address=created.payin_address,
            now=run.now(),
        )
    return read_batch(run, batch.batch_conversion_id)


def _still_unpaid(run: Run, batch: Batch) -> Batch:
    """Ask ChangeNow about an exchange left behind, before anybody is told to pay it.

    A deposit means that the order did go out; an exchange that ended releases the batch; so does one that is old, or a
    price that moved too far, while surely nothing was ordered.
    """
    assert batch.cn_api_id is not None
    ordered_perhaps = batch.order_prepared_at is not None
    try:
        state = run.exchange.get_exchange(batch.cn_api_id)
    except ExchangeRefused as refusal:
        if ordered_perhaps or refusal.code != changenow.NOT_FOUND:
            raise
        return release(run, batch, "exchange_not_found")
    if state.status in changenow.LOST:
        return release(run, batch, state.status, state.status)
    if state.status not in changenow.UNPAID:
        record_order(run, batch)
        return read_batch(run, batch.batch_conversion_id)
    return batch if ordered_perhaps else _still_worth_it(run, batch, batch.amount_eth or state.expected_eth)


def _still_worth_it(run: Run, batch: Batch, amount_eth: Decimal | None) -> Batch:
    """Release a batch whose exchange, surely not ordered, is old, or no longer worth what the payments are."""
    made_at = batch.exchange_made_at or batch.created_at
    if amount_eth is None or run.now() - made_at > EXCHANGE_ORDERABLE_FOR:
        return release(run, batch, "exchange_too_old")
    try:
        quote = quoting.guarded(run.exchange, amount_eth, batch.total_usd, run.policy)
    except quoting.NoQuote as no_quote:
        return release(run, batch, no_quote.reason)
    return _store_quote(run, batch, quote)


def _store_quote(run: Run, batch: Batch, quote: quoting.Quote) -> Batch:
    with run.session.transaction() as transaction:
        transaction.execute(
            "store_quote",
            batch_conversion_id=batch.batch_conversion_id,
            amount_eth=quote.amount_eth,
            quoted_usdt=quote.estimated_usdt,
            now=run.now(),
        )
    return read_batch(run, batch.batch_conversion_id)


def _send_order(run: Run, batch: Batch) -> None:
    """Send the one payment order, with the intent on record before it and the result after it."""
    assert batch.cn_api_id
    assert batch.payin_address
    assert batch.amount_eth is not None
    now = run.now()  # one instant for all: if this process stands still after it, the token is too old to be taken
    if batch.order_prepared_at is not None and now - batch.order_prepared_at > ORDER_REPEATABLE_FOR:
        return  # it stood still before: an order may be out whose name is free by now
    with run.session.transaction() as transaction:
        if not transaction.execute("prepare_order", batch_conversion_id=batch.batch_conversion_id, now=now):
            return  # it was ended or ordered in the meantime
    token = encrypt_microbatch_to_gchostpay1_token(
        batch_conversion_id=batch.batch_conversion_id,
        cn_api_id=batch.cn_api_id,
        amount_eth=batch.amount_eth,
        payin_address=batch.payin_address,
        now=now,
        signing_key=run.settings.signing_keys[0],
    )
    try:
        run.orders.enqueue_gchostpay1_batch_execution(batch.batch_conversion_id, token)
    except OrderRefused:
        if batch.order_prepared_at is None:  # the only attempt, and surely no task
            with run.session.transaction() as transaction:
                transaction.execute("forget_order", batch_conversion_id=batch.batch_conversion_id)
        raise
    record_order(run, batch)
