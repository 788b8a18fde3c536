"""What the fence says, what the database lacks, and what to type, in lines for a reader."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ops.command_line.text import count, instant
from ops.steering.fence.standing import LackedOrder, Standing
from shared.errors import ExchangeRefused, ExchangeUnavailable
from shared.model.exchange import Exchange
from shared.model.money import dollars, plain

EARLIER = timedelta(hours=1)


def ask_exchange(exchange: Exchange | None, lacked: LackedOrder) -> str:
    """ChangeNow's word about an order's exchange, or why there is none."""
    if exchange is None:
        return "not asked: CHANGENOW_API_KEY is not set"
    try:
        state = exchange.get_exchange(lacked.order.cn_api_id)
    except (ExchangeRefused, ExchangeUnavailable) as error:
        return f"no word ({error})"
    paid = f", {plain(state.received_usdt)} USDT" if state.received_usdt is not None else ""
    return f"{state.status}{paid}"


def tell_standing(standing: Standing, words: list[str]) -> Iterator[str]:
    """Say how things stand; *words* are ChangeNow's, one for each order that is lacked."""
    fence = standing.stored.fence
    newest = f"order {fence.number}, of batch {fence.batch_conversion_id}" if fence.number else "no order yet"
    yield f"fence      {standing.address}: {newest}"
    if standing.is_known:
        yield "database   knows it: orders leave"
        return
    yield f"database   DOES NOT KNOW IT (its own newest is order {standing.newest_number}): nothing is ordered"
    for lacked, word in zip(standing.lacked, words, strict=True):
        yield ""
        yield from tell_order(lacked, word)
    if not standing.is_complete:
        yield ""
        yield from _tell_unlisted(standing)
    yield ""
    yield "payments that came in after the backup have to be put back first, by those who have them"
    yield "when every order is dealt with: ./microbatch fence accept"


def to_document(standing: Standing, words: list[str]) -> dict[str, Any]:
    """Say it for a program."""
    fence = standing.stored.fence
    return {
        "fence": standing.address,
        "number": fence.number,
        "batch_conversion_id": fence.batch_conversion_id,
        "database_behind": standing.is_behind,
        "newest_number_in_database": standing.newest_number,
        "complete": standing.is_complete,
        "lacked": [lacked.document | {"changenow": word} for lacked, word in zip(standing.lacked, words, strict=True)],
    }


def tell_order(lacked: LackedOrder, word: str) -> Iterator[str]:
    """Say what one order was, what ChangeNow says of it, and what to type."""
    order = lacked.order
    worth = f"{dollars(order.total_usd)}, {count(order.payments, 'payment')} ({order.payment_ids or 'ids not kept'})"
    yield f"order {order.number}   batch {order.batch_conversion_id}, sent {instant(order.prepared_at)}: {worth}"
    yield f"  {plain(order.amount_eth)} ETH to exchange {order.cn_api_id}; ChangeNow: {word}"
    if lacked.batch is not None:
        yield f"  the database has the batch as {lacked.batch['status']}, and has forgotten this order"
    elif lacked.payments_present is not None:
        yield f"  the database has {lacked.payments_present} of its payments, {lacked.payments_waiting} of them wait"
    yield f"  {lacked.dealt_with or _advise(lacked)}"


def _advise(lacked: LackedOrder) -> str:
    name = lacked.order.batch_conversion_id
    if lacked.batch is None and lacked.payments_present == 0:
        return f"put its payments back, or, if they are gone for good: ./microbatch fence give-up {name}"
    return f"to enter it again: ./microbatch fence enter {name}"


def _tell_unlisted(standing: Standing) -> Iterator[str]:
    fence = standing.stored.fence
    since = fence.orders[0].prepared_at if fence.orders else None
    before = f' AND timestamp<="{(since + EARLIER).isoformat()}"' if since else ""
    yield (
        f"orders {standing.newest_number + 1} to {fence.complete_after} are older than what the fence lists; "
        "they are in the log of check_threshold, and among the published events:"
    )
    yield f"""  gcloud logging read 'jsonPayload.event="batch_created"{before}' --format json"""
    yield "enter each from its line or event: ./microbatch fence enter BATCH --facts FILE.json --payments 7-9,12"
