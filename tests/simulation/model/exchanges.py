"""What ChangeNow's word makes of a batch that is out, and who has to be told."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sandbox.changenow.exchange import Exchange
from tests.simulation.model.situation import Row

GRACE: Final = timedelta(minutes=20)
STUCK_AFTER: Final = timedelta(minutes=60)
ASKED_AGAIN_WITHIN: Final = timedelta(hours=1, minutes=1)  # a check itself may take a while
RECEIVED_DEVIATION_PCT: Final = Decimal(20)
DEPOSIT_DEVIATION_PCT: Final = Decimal(1)
ORDERABLE_FOR: Final = timedelta(hours=1)
TOLERANCE_USDT: Final = Decimal("0.000001")
CHECK_TAKES_MAX: Final = timedelta(minutes=2)
LOST: Final = frozenset({"failed", "expired", "refunded"})


@dataclass(frozen=True)
class Fate:
    """How a batch must stand after a check; *alerts* are the log events that must name it, no more and no fewer."""

    status: str
    alerts: frozenset[str]
    because: str


def is_asked(batch: Row, now: datetime) -> bool:
    """Whether a check asks ChangeNow about a batch: its order is old enough, and its next question is due."""
    ordered_at = batch["task_enqueued_at"] or batch["order_prepared_at"]
    if batch["status"] != "swapping" or ordered_at is None or ordered_at > now - GRACE:
        return False
    return batch["reconcile_after"] is None or bool(batch["reconcile_after"] <= now)


def is_too_old(batch: Row, now: datetime) -> bool:
    """Whether a batch that surely was never ordered may be ordered no more: its exchange may expire any moment."""
    is_perhaps_ordered = batch["order_prepared_at"] is not None or batch["task_enqueued_at"] is not None
    if batch["status"] != "swapping" or batch["exchange_made_at"] is None or is_perhaps_ordered:
        return False
    return bool(now - batch["exchange_made_at"] > ORDERABLE_FOR)


def is_asked_again(batch: Row, now: datetime) -> bool:
    """Whether a check asks about a batch that was given up while its order may have been out."""
    ordered_at = batch["task_enqueued_at"] or batch["order_prepared_at"]
    may_pay = batch["status"] == "failed" and ordered_at is not None and batch["late_usdt"] is None
    return (
        may_pay
        and bool(batch["cn_api_id"])
        and batch["reconcile_after"] is not None
        and batch["reconcile_after"] <= now
    )


def fate_given_up(batch: Row, exchange: Exchange, how_bad: str | None) -> Fate:
    """Say what is told of a batch given up that ChangeNow is asked about again."""
    said = f"ChangeNow says {exchange.status}, {exchange.amount_to} USDT, of a batch given up ({how_bad or 'as it is'})"
    if how_bad is not None:
        return Fate("failed", frozenset(), said)
    if exchange.status == "finished" and exchange.amount_to is not None:
        return Fate("failed", frozenset({"paid_after_failure"}), said)
    is_news = exchange.status in LOST and has_deposit(exchange) and batch["deposit_lost_at"] is None
    return Fate("failed", frozenset({"deposit_lost"} if is_news else ()), said)


def has_deposit(exchange: Exchange) -> bool:
    """Whether ChangeNow knows of a deposit."""
    return exchange.status == "refunded" or exchange.amount_from is not None or exchange.seen_deposit is not None


def fate(batch: Row, exchange: Exchange, now: datetime, *, is_held: bool, how_bad: str | None) -> Fate:
    """Say what becomes of a batch that ChangeNow is asked about.

    *is_held*: others hold a row of its payments; *how_bad*: in which way ChangeNow will not tell about the exchange.
    """
    said = f"ChangeNow says {exchange.status}, {exchange.amount_to} USDT for ${batch['usd']}"
    if how_bad is not None:
        waiting = frozenset({"batch_stuck"}) if _is_stuck(batch, now) else frozenset[str]()
        return Fate("swapping", waiting, f"ChangeNow tells nothing of use: {how_bad}")
    if is_held and (exchange.status in LOST or _may_be_completed(batch, exchange)):
        waiting = frozenset({"batch_stuck"}) if _is_stuck(batch, now) else frozenset[str]()
        return Fate("swapping", waiting, f"{said}, and a row of its payments is held")
    if exchange.status == "refunded":
        return Fate("failed", frozenset({"batch_failed", "batch_refunded", "deposit_lost"}), said)
    if exchange.status in LOST:
        return Fate("failed", frozenset({"batch_failed", *(["deposit_lost"] if has_deposit(exchange) else [])}), said)
    waiting = frozenset({"batch_stuck"}) if _is_stuck(batch, now) else frozenset[str]()
    if exchange.status != "finished" or exchange.amount_to is None:
        return Fate("swapping", waiting, said)
    if not is_plausible(batch, exchange):
        return Fate("swapping", waiting | {"amount_refused"}, f"{said}: too far off, and nobody has accepted it")
    if not batch["holds_its_total"]:
        return Fate("swapping", waiting | {"distribution_mismatch"}, f"{said}: its payments do not sum to its total")
    return Fate("completed", frozenset({"batch_completed"}), said)


def _may_be_completed(batch: Row, exchange: Exchange) -> bool:
    return exchange.status == "finished" and exchange.amount_to is not None and is_plausible(batch, exchange)


def is_plausible(batch: Row, exchange: Exchange) -> bool:
    """Whether the amount may be distributed: near enough to the payments' dollars, or accepted by an operator."""
    assert exchange.amount_to is not None
    if batch["accepted_usdt"] is not None and abs(batch["accepted_usdt"] - exchange.amount_to) <= TOLERANCE_USDT:
        return True
    ordered_eth, deposit_eth = batch["amount_eth"], exchange.amount_from
    if ordered_eth and deposit_eth and abs(deposit_eth - ordered_eth) * 100 > ordered_eth * DEPOSIT_DEVIATION_PCT:
        return False
    usd: Decimal = batch["usd"]
    return abs(exchange.amount_to - usd) * 100 <= usd * RECEIVED_DEVIATION_PCT


def is_nearly_stuck(batch: Row, now: datetime) -> bool:
    """Whether a batch comes to be stuck about now: clients' pauses within the check may tip it over."""
    ordered_at = batch["task_enqueued_at"] or batch["order_prepared_at"]
    return bool(timedelta() <= ordered_at + STUCK_AFTER - now < CHECK_TAKES_MAX)


def _is_stuck(batch: Row, now: datetime) -> bool:
    ordered_at = batch["task_enqueued_at"] or batch["order_prepared_at"]
    return bool(now - ordered_at > STUCK_AFTER)
