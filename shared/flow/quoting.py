"""What payments are worth in ETH and USDT now, and which of them one exchange can take."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from shared import logs
from shared.errors import ExchangeRefused, MicroBatchError
from shared.model.money import AMOUNT_MAX, dollars, plain, round_down
from shared.model.policy import Pending, Policy, Reason, is_within
from shared.outside import changenow
from shared.outside.changenow import ChangeNow, Range
from shared.outside.database import Session, Transaction

FITTINGS_MAX: Final = 4
PARTS_MAX: Final = 1024
USDT_PLACES: Final = 6  # on Ethereum


@dataclass(frozen=True)
class Selection:
    """Payments by age up to a last one (oldest first by created_at, id), those beyond a cap by themselves left out.

    *eth_per_usd* values the payments that do not know their ETH; it is set whenever *eth_max* is.
    """

    last_created_at: datetime
    last_id: int
    usd_max: Decimal | None = None
    eth_max: Decimal | None = None
    eth_per_usd: Decimal | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The selection as the parameters of the statements that use it."""
        return {
            "last_created_at": self.last_created_at,
            "last_id": self.last_id,
            "usd_max": self.usd_max,
            "eth_max": self.eth_max,
            "eth_per_usd": self.eth_per_usd,
        }


@dataclass(frozen=True)
class Sums:
    """The dollars of some payments; *unknown_usd* are those of payments that do not know the ETH they brought in."""

    payments: int
    total_usd: Decimal
    known_eth: Decimal
    unknown_usd: Decimal


@dataclass(frozen=True)
class Quote:
    """The ETH to send (eight decimals, rounded down) and the USDT that ChangeNow estimates for it."""

    amount_eth: Decimal
    estimated_usdt: Decimal


@dataclass(frozen=True)
class Offer:
    """Payments that one exchange takes, with the quote for them."""

    selection: Selection
    sums: Sums
    quote: Quote


class NoQuote(MicroBatchError):
    """No swap can be offered for these payments now; *reason* says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"no quote: {reason}")
        self.reason = reason


def select_all(pending: Pending, usd_max: Decimal | None) -> Selection:
    """Select everything that waited when *pending* was read."""
    assert pending.newest_created_at is not None
    assert pending.newest_id is not None
    return Selection(pending.newest_created_at, pending.newest_id, usd_max=usd_max)


def read_claimed(transaction: Transaction, batch_conversion_id: uuid.UUID) -> Sums:
    """Sum the payments that a batch already holds."""
    row = transaction.row("get_claimed_to_quote", batch_conversion_id=batch_conversion_id)
    assert row is not None
    return Sums(**row)


def narrow(transaction: Transaction, selection: Selection) -> tuple[Selection, Sums] | None:
    """Cut a selection down to the oldest payments that keep its caps together; None where not one does."""
    if selection.usd_max is not None or selection.eth_max is not None:
        last = transaction.row("find_last_that_fits", **selection.parameters)
        if last is None:
            return None
        selection = replace(selection, last_created_at=last["created_at"], last_id=last["id"])
    row = transaction.row("get_pending_to_quote", **selection.parameters)
    assert row is not None
    return (selection, Sums(**row)) if row["payments"] else None


def fit(session: Session, exchange: ChangeNow, selection: Selection, policy: Policy) -> Offer:
    """Find the oldest payments that one exchange takes, and quote them.

    Raises NoQuote, or ExchangeUnavailable while ChangeNow does not answer; nothing is claimed by then.
    """
    limits = _limits(exchange)
    for _ in range(FITTINGS_MAX):
        with session.transaction() as transaction:
            narrowed = narrow(transaction, selection)
        if narrowed is None:
            break
        chosen, sums = narrowed
        if sums.total_usd > AMOUNT_MAX:
            raise NoQuote(Reason.ABOVE_BATCH_CAP)  # no batch can hold that; the policy's max_batch_usd splits it
        amount_eth = value_in_eth(exchange, sums)
        if limits.max_eth is None or amount_eth <= limits.max_eth:
            quote = _checked(exchange, limits, amount_eth, sums=sums, policy=policy)
            return Offer(chosen, sums, quote)
        selection = _capped(selection, sums, amount_eth, limits.max_eth)
    capped_by_policy = selection.eth_max is None
    raise NoQuote(Reason.ABOVE_BATCH_CAP if capped_by_policy else Reason.ABOVE_EXCHANGE_MAXIMUM)


def get_quote(exchange: ChangeNow, sums: Sums, policy: Policy) -> Quote:
    """Quote payments as they stand; raises NoQuote outside the exchange's range or where the guard refuses."""
    limits = _limits(exchange)
    return _checked(exchange, limits, value_in_eth(exchange, sums), sums=sums, policy=policy)


def value_in_eth(exchange: ChangeNow, sums: Sums) -> Decimal:
    """Say what payments are worth in ETH: what they brought in where known, ChangeNow's estimate for the rest."""
    estimated_eth = _estimated_eth(exchange, sums.unknown_usd) if sums.unknown_usd else Decimal(0)
    return round_down(sums.known_eth + estimated_eth)


def _estimated_eth(exchange: ChangeNow, amount_usd: Decimal) -> Decimal:
    """Estimate dollars in ETH; more than ChangeNow estimates at once is scaled up from the largest part it does."""
    parts = 1
    while True:
        try:
            return exchange.estimate_eth(round_down(amount_usd / parts, USDT_PLACES)) * parts
        except ExchangeRefused as refusal:
            if refusal.code not in changenow.ABOVE_MAXIMUM or parts >= PARTS_MAX:
                raise _no_quote(refusal) from refusal
            parts *= 2


def guarded(exchange: ChangeNow, amount_eth: Decimal, total_usd: Decimal, policy: Policy) -> Quote:
    """Estimate an amount of ETH in USDT; raises NoQuote where the guard refuses it."""
    try:
        estimated_usdt = round_down(exchange.estimate_usdt(amount_eth))
    except ExchangeRefused as refusal:
        raise _no_quote(refusal) from refusal
    return accepted(Quote(amount_eth, estimated_usdt), total_usd, policy)


def accepted(quote: Quote, total_usd: Decimal, policy: Policy) -> Quote:
    """The guard: a quote must be worth the payments' dollars, both ways; raises NoQuote, and says so in the log."""
    if is_within(quote.estimated_usdt, total_usd, policy.quote_deviation_pct):
        return quote
    logs.error(
        logs.Event.QUOTE_REFUSED,
        f"Quote refused: {plain(quote.estimated_usdt)} USDT for {dollars(total_usd)} is beyond "
        f"{plain(policy.quote_deviation_pct)} % - nothing ordered",
        quoted_usdt=quote.estimated_usdt,
        total_usd=total_usd,
    )
    raise NoQuote(Reason.QUOTE_REFUSED)


def _limits(exchange: ChangeNow) -> Range:
    try:
        return exchange.get_range()
    except ExchangeRefused as refusal:
        raise _no_quote(refusal) from refusal


def _checked(exchange: ChangeNow, limits: Range, amount_eth: Decimal, *, sums: Sums, policy: Policy) -> Quote:
    """Accept an amount of ETH within the exchange's range, if it passes the guard."""
    if amount_eth <= 0 or amount_eth < limits.min_eth:
        raise NoQuote(Reason.BELOW_EXCHANGE_MINIMUM)
    if limits.max_eth is not None and amount_eth > limits.max_eth:
        raise NoQuote(Reason.ABOVE_EXCHANGE_MAXIMUM)
    return guarded(exchange, amount_eth, sums.total_usd, policy)


def _capped(selection: Selection, sums: Sums, amount_eth: Decimal, eth_max: Decimal) -> Selection:
    """Add the exchange's maximum to a selection, at the rate of the quote that went beyond it."""
    unknown_eth = amount_eth - round_down(sums.known_eth)
    eth_per_usd = unknown_eth / sums.unknown_usd if sums.unknown_usd else Decimal(0)
    return replace(
        selection,
        eth_max=eth_max.quantize(Decimal("1e-8"), rounding=ROUND_DOWN),
        eth_per_usd=eth_per_usd,
    )


def _no_quote(refusal: ExchangeRefused) -> NoQuote:
    below = refusal.code == changenow.BELOW_MINIMUM
    if not below:
        logs.error(logs.Event.EXCHANGE_UNAVAILABLE, str(refusal), reason=refusal.code)
    return NoQuote(Reason.BELOW_EXCHANGE_MINIMUM if below else Reason.EXCHANGE_REFUSED)
