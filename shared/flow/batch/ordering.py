"""The way of a batch to its payment order: exchange, order, or release. One path, whether it is new or left behind.

pending (payments claimed) -> swapping (exchange stored) -> order prepared -> order enqueued. Every step is on record
before the next one speaks to anybody, so that a check that finds a batch in any of these states can go on from there.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from shared import logs
from shared.errors import (
    DatabaseBehind,
    ExchangeRefused,
    ExchangeUnavailable,
    FenceLost,
    FenceUnavailable,
    MicroBatchError,
    NoQuote,
    OrderRefused,
    OrderUnknown,
    RuleViolated,
)
from shared.flow.batch import quoting
from shared.flow.batch.ending import release, release_lost
from shared.flow.batch.order_record import log_order, note_order
from shared.flow.batch.trouble import name_if_stuck, record_answer, record_no_answer
from shared.flow.batches import read_batch
from shared.flow.context import CheckContext
from shared.model.batch import Batch
from shared.model.exchange import CreatedExchange, ExchangeState
from shared.model.fence import FencedOrder
from shared.model.quote import Quote
from shared.model.reasons import Reason
from shared.model.tokens import encrypt_microbatch_to_gchostpay1_token

# A task's name is blocked "up to 24 hours" after its end: surely for minutes. An order whose fate is unknown may be
# sent again under the same name for this long; later it might be a second one. A second one could be accepted while its
# token is young (300 s): a name that stays blocked for 25 minutes is enough.
ORDER_REPEATABLE_FOR: Final = timedelta(minutes=20)

# ChangeNow does not say when an exchange that nobody pays expires. One that waited for so long without an order is
# given up, so that no order can reach GCHostPay1 shortly before the end.
EXCHANGE_ORDERABLE_FOR: Final = timedelta(hours=1)

READY_ASKED_MAX: Final = 4
READY_PAUSE_S: Final = 1.0


def try_to_advance(check: CheckContext, batch: Batch) -> Reason | None:
    """Advance a batch; what stopped it is said and returned where it would stop the next batch too.

    A batch that had to be released stops nothing: its payments wait for another. Nor does an exchange that ChangeNow
    will not tell us about: that is this batch's trouble alone.
    """
    try:
        advance(check, batch)
    except (ExchangeUnavailable, ExchangeRefused, RuleViolated) as error:
        log_exchange_unavailable(error, batch)
        reason = Reason.EXCHANGE_UNAVAILABLE
    except (OrderUnknown, OrderRefused) as error:
        logs.error(logs.Event.TASKS_UNAVAILABLE, str(error), **batch.facts)
        reason = Reason.RESUME_FAILED
    except FenceUnavailable:  # told by the fence, once a check
        reason = Reason.FENCE_UNAVAILABLE
    except (DatabaseBehind, FenceLost):  # told likewise; the batch may be out in a time that is forgotten
        return check.fence.blocked_by
    else:
        return None
    _give_back_in_time(check, batch)
    return reason


def advance(check: CheckContext, batch: Batch) -> None:
    """Take a batch from whatever state it is in to an order that Cloud Tasks has, or release it if that cannot be.

    Raises ExchangeUnavailable, ExchangeRefused, RuleViolated (an exchange that another batch has), OrderUnknown,
    OrderRefused, FenceUnavailable, FenceLost, DatabaseBehind or DatabaseUnavailable; the next check goes on from there.
    """
    if batch.cn_api_id is None:
        batch = _refresh_quote(check, batch)
        batch = _make_exchange(check, batch) if batch.status == "pending" else batch
    if batch.status == "swapping" and batch.task_enqueued_at is None:
        _order_when_payable(check, batch)


def record_order(check: CheckContext, batch: Batch) -> None:
    """Put on record that the order is out, and tell of the batch; a callback may already have completed it."""
    with check.session.transaction() as transaction:
        is_new = note_order(transaction, batch, check.now())
    if is_new:
        log_order(batch)


def log_exchange_unavailable(error: MicroBatchError, batch: Batch | None = None) -> None:
    """Tell that ChangeNow did not answer as it should."""
    logs.error(logs.Event.EXCHANGE_UNAVAILABLE, str(error), **(batch.facts if batch else {}))


def _is_stale(check: CheckContext, batch: Batch) -> bool:
    return batch.quoted_at is None or check.now() - batch.quoted_at > check.settings.quote_age_max


def _refresh_quote(check: CheckContext, batch: Batch) -> Batch:
    """Quote a batch anew if its quote has aged; release it if it is no longer worth what its payments are."""
    if not _is_stale(check, batch):
        return batch
    sums = quoting.read_claimed(check.session, batch.batch_conversion_id)
    if (sums.payments, sums.total_usd) != (batch.payments, batch.total_usd):  # joined by hand
        return release(check, batch, "payments_changed")
    return _quote_anew(check, batch, lambda: quoting.get_quote(check.exchange, sums, check.policy))


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
    return batch._replace(
        status="swapping",
        cn_api_id=created.cn_api_id,
        payin_address=created.payin_address,
        exchange_made_at=now,
    )


def _order_when_payable(check: CheckContext, batch: Batch) -> None:
    """Order a batch once its exchange waits for the deposit: GCHostPay1 refuses for good what is paid too early.

    A deposit means that the order did go out; an exchange that ended releases the batch; so does one that is old, or a
    price that moved too far, while surely nothing was ordered. One that is not ready is left to the next check.
    """
    state = _ask_until_ready(check, batch)
    if state is None:
        return
    if state.has_deposit or not (state.is_unpaid or state.is_lost):
        record_order(check, batch)
    if state.is_lost:
        release_lost(check, batch, state)
    elif not state.is_unpaid:
        return  # paid: ChangeNow's word settles it once it is done
    elif batch.is_perhaps_ordered:
        _send_order(check, batch)
    elif _is_too_old(check, batch):
        release(check, batch, "exchange_too_old")
    elif not state.is_waiting:
        record_answer(check, batch, state.status)
    else:
        batch = _require_still_worth(check, batch, batch.amount_eth or state.expected_eth)
        if batch.status == "swapping":
            _send_order(check, batch)


def _ask_until_ready(check: CheckContext, batch: Batch) -> ExchangeState | None:
    """Ask ChangeNow about an exchange, for a few seconds if it was only just made; None where it cannot be read."""
    assert batch.cn_api_id is not None
    try:
        state = check.exchange.get_exchange(batch.cn_api_id)
        for _ in range(READY_ASKED_MAX):
            if not state.is_preparing:
                break
            check.sleep(READY_PAUSE_S)
            state = check.exchange.get_exchange(batch.cn_api_id)
    except (ExchangeRefused, ExchangeUnavailable) as error:
        is_unknown = isinstance(error, ExchangeRefused) and error.is_not_found and _is_stale(check, batch)
        if not batch.is_perhaps_ordered and (is_unknown or _is_too_old(check, batch)):
            release(check, batch, "exchange_not_found" if is_unknown else "exchange_unreadable")
        else:
            record_no_answer(check, batch, error)
        return None
    return state


def _is_too_old(check: CheckContext, batch: Batch) -> bool:
    return check.now() - (batch.exchange_made_at or batch.created_at) > EXCHANGE_ORDERABLE_FOR


def _give_back_in_time(check: CheckContext, batch: Batch) -> None:
    """Give a batch back that surely was never ordered and could not be for an hour; name one that nobody is sure of."""
    batch = read_batch(check.session, batch.batch_conversion_id)
    if batch.status in ("pending", "swapping") and not batch.is_perhaps_ordered and _is_too_old(check, batch):
        release(check, batch, "not_ordered_in_time")
    elif batch.status in ("pending", "swapping"):
        name_if_stuck(check, batch, "it could not be ordered")


def _require_still_worth(check: CheckContext, batch: Batch, amount_eth: Decimal | None) -> Batch:
    """Quote a batch anew if its quote has aged; release it if the exchange is no longer worth what its payments are."""
    if not _is_stale(check, batch):
        return batch
    if amount_eth is None:
        return release(check, batch, "exchange_too_old")
    return _quote_anew(
        check,
        batch,
        lambda: quoting.get_guarded_quote(check.exchange, amount_eth, batch.total_usd, check.policy),
    )


def _quote_anew(check: CheckContext, batch: Batch, get_quote: Callable[[], Quote]) -> Batch:
    """Store a new quote; release the batch where none can be had that is worth its payments."""
    try:
        quote = get_quote()
    except NoQuote as no_quote:
        return release(check, batch, no_quote.reason)
    now = check.now()
    stored = check.session.execute(
        "store_quote",
        batch_conversion_id=batch.batch_conversion_id,
        amount_eth=quote.amount_eth,
        quoted_usdt=quote.estimated_usdt,
        now=now,
        **quote.costs._asdict(),
    )
    if not stored:  # it was ordered in the meantime
        return read_batch(check.session, batch.batch_conversion_id)
    return batch._replace(amount_eth=quote.amount_eth, quoted_usdt=quote.estimated_usdt, quoted_at=now)


def write_order(check: CheckContext, batch: Batch, now: datetime) -> str:
    """Write the payment order of a batch whose exchange is known, as a token signed now."""
    assert batch.cn_api_id
    assert batch.payin_address
    assert batch.amount_eth is not None
    return encrypt_microbatch_to_gchostpay1_token(
        batch_conversion_id=batch.batch_conversion_id,
        cn_api_id=batch.cn_api_id,
        amount_eth=batch.amount_eth,
        payin_address=batch.payin_address,
        now=now,
        signing_key=check.settings.signing_keys[0],
    )


def _send_order(check: CheckContext, batch: Batch) -> None:
    """Send the one payment order: its intent on record before it, also outside the database, its result after it."""
    now = check.now()  # one instant for all: if this process stands still after it, the token is too old to be taken
    if batch.order_prepared_at is not None and now - batch.order_prepared_at > ORDER_REPEATABLE_FOR:
        return  # it stood still before: an order may be out whose name is free by now
    token = write_order(check, batch, now)
    prepared = check.session.row(
        "prepare_order",
        batch_conversion_id=batch.batch_conversion_id,
        now=now,
        fence_number=check.fence.position["fence_number"],
        is_fenced=check.fence.is_kept,
    )
    if prepared is None:
        return  # it was ended or ordered in the meantime
    try:
        check.fence.raise_to(FencedOrder(**prepared), check.session)
        check.orders.enqueue_gchostpay1_batch_execution(batch.batch_conversion_id, token)
    except (OrderRefused, FenceUnavailable, FenceLost, DatabaseBehind):
        if batch.order_prepared_at is None:  # the only attempt, and surely no task
            check.session.execute("forget_order", batch_conversion_id=batch.batch_conversion_id)
        raise
    record_order(check, batch)
