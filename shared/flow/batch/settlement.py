"""The end of a batch: the USDT that arrived, compared with ChangeNow, split over the payments, all or nothing."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from shared import logs
from shared.errors import BatchConflict, ExchangeUnfinished, RuleViolated
from shared.flow import events
from shared.flow.batch.order_record import note_order
from shared.model.batch import Batch
from shared.model.exchange import ExchangeState
from shared.model.money import UNIT, dollars, is_within, plain, round_down, to_units
from shared.outside.database import GIVE_WAY_LIMITS, Queries, Transaction

DEPOSIT_DEVIATION_PCT: Final = Decimal(1)  # between the ETH ordered and the ETH that arrived
AMOUNT_TOLERANCE_USDT: Final = Decimal("0.000001")  # USDT has six decimals on Ethereum


class Payout(NamedTuple):
    """What an exchange paid out (eight decimals, rounded down), and for what deposit, where it says so."""

    received_usdt: Decimal
    deposit_eth: Decimal | None
    payin_hash: str | None


class Settlement(NamedTuple):
    """What a batch is completed with; *settled_by* is callback, reconciliation or operator."""

    payout: Payout
    tx_hash: str | None
    settled_by: str

    @property
    def received_usdt(self) -> Decimal:
        """The amount to distribute."""
        return self.payout.received_usdt


class Distribution(NamedTuple):
    """What the split of a batch came to, as it is written and as the database has compared it with the amount."""

    payments: int
    units_left_over: int
    """The units that the floors left over: so many payments got one more."""
    smallest_share_usdt: Decimal
    largest_share_usdt: Decimal
    shares_usdt: Decimal
    """Their sum."""


def require_payout(state: ExchangeState) -> Payout:
    """Return what the exchange paid out.

    Raises ExchangeUnfinished while that is not known, BatchConflict where it will never be.
    """
    if state.is_lost:
        raise BatchConflict(f"ChangeNow says {state.status}: no USDT was paid out for this exchange")
    if not state.is_finished or state.received_usdt is None:
        raise ExchangeUnfinished(f"ChangeNow says {state.status}: the amount is not final yet")
    return Payout(round_down(state.received_usdt), state.deposit_eth, state.payin_hash)


def agree(first_usdt: Decimal, second_usdt: Decimal) -> bool:
    """Tell whether two reports of an amount mean the same payout."""
    return abs(first_usdt - second_usdt) <= AMOUNT_TOLERANCE_USDT


def require_plausible(queries: Queries, batch: Batch, payout: Payout, *, deviation_pct: Decimal, now: datetime) -> None:
    """Refuse an amount that is not nearly worth the batch's dollars, or that came of another deposit than was ordered.

    The amount is put on record; an operator may accept that very amount. Raises BatchConflict.
    """
    objection = _find_objection(batch, payout, deviation_pct)
    if objection is None:
        return
    queries.execute(
        "record_refused_amount",
        batch_conversion_id=batch.batch_conversion_id,
        refused_usdt=payout.received_usdt,
        deposit_eth=payout.deposit_eth,
        payin_hash=payout.payin_hash,
        now=now,
    )
    logs.error(
        logs.Event.AMOUNT_REFUSED,
        f"Amount refused: {objection} - nothing distributed; to accept it: "
        f"./microbatch accept {batch.batch_conversion_id} --amount {plain(payout.received_usdt)}",
        received_usdt=payout.received_usdt,
        deposit_eth=payout.deposit_eth,
        **batch.facts,
    )
    raise BatchConflict("the amount received is too far from what the payments are worth; an operator must accept it")


def _find_objection(batch: Batch, payout: Payout, deviation_pct: Decimal) -> str | None:
    if batch.accepted_usdt is not None and agree(batch.accepted_usdt, payout.received_usdt):
        return None
    if not is_within(payout.received_usdt, batch.total_usd, deviation_pct):
        received = plain(payout.received_usdt)
        return f"{received} USDT for {dollars(batch.total_usd)} is beyond {plain(deviation_pct)} %"
    deposit_eth, ordered_eth = payout.deposit_eth, batch.amount_eth
    if deposit_eth and ordered_eth and not is_within(deposit_eth, ordered_eth, DEPOSIT_DEVIATION_PCT):
        return f"{plain(deposit_eth)} ETH were deposited, {plain(ordered_eth)} ordered"
    return None


def settle(transaction: Transaction, batch: Batch, settlement: Settlement, now: datetime) -> Distribution:
    """Split the amount over the batch's payments and complete both.

    *batch* is locked by this transaction and swapping. The database refuses shares that do not sum to the amount.
    """
    if batch.reason is not None and batch.task_enqueued_at is None:  # the callback was faster than the check's record
        note_order(transaction, batch, now)
    payments, units_left_over = distribute(transaction, batch, settlement, now)
    shares = transaction.row(
        "finalize_batch_conversion",
        batch_conversion_id=batch.batch_conversion_id,
        received_usdt=settlement.received_usdt,
        tx_hash=settlement.tx_hash,
        settled_by=settlement.settled_by,
        deposit_eth=settlement.payout.deposit_eth,
        payin_hash=settlement.payout.payin_hash,
        now=now,
    )
    assert shares is not None
    events.record(transaction, "batch.completed", _facts(batch, settlement), now)
    return Distribution(payments, units_left_over, **shares)


def distribute(transaction: Transaction, batch: Batch, settlement: Settlement, now: datetime) -> tuple[int, int]:
    """Write every payment's share, by the rule that money.distribute_usdt_proportionally states.

    Returns how many payments there are, and how many units their floors left over.
    """
    split = {
        "batch_conversion_id": batch.batch_conversion_id,
        "units": to_units(settlement.received_usdt),
        "total_usd": batch.total_usd,
    }
    last = transaction.row("find_last_unit", **split, **GIVE_WAY_LIMITS)
    assert last is not None
    nothing_left_over = last["id"] is None  # or payments that are not the total's; the database refuses those
    lift = Decimal(0) if nothing_left_over else batch.total_usd - last["remainder"]
    payments = transaction.execute(
        "distribute_usdt",
        **split,
        lift=lift,
        lift_after=lift if nothing_left_over else lift - UNIT,
        last_created_at=last["created_at"],
        last_id=last["id"],
        tx_hash=settlement.tx_hash,
        now=now,
    )
    return payments, last["units"]


def log_completed(batch: Batch, settlement: Settlement, distribution: Distribution, now: datetime) -> None:
    """Tell that a batch is done and how it was split, after its commit."""
    duration_s = int((now - batch.created_at).total_seconds())
    facts = _facts(batch, settlement) | distribution._asdict() | {"duration_s": duration_s}
    logs.info(logs.Event.BATCH_COMPLETED, "Batch conversion completed", **facts)


def log_mismatch(batch_conversion_id: uuid.UUID, refusal: RuleViolated) -> None:
    """Tell that the database kept a wrong distribution from being written."""
    logs.critical(logs.Event.DISTRIBUTION_MISMATCH, str(refusal), batch_conversion_id=batch_conversion_id)


def _facts(batch: Batch, settlement: Settlement) -> dict[str, Any]:
    return batch.facts | {
        "received_usdt": settlement.received_usdt,
        "tx_hash": settlement.tx_hash,
        "settled_by": settlement.settled_by,
    }
