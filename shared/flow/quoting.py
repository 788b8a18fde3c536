"""What payments are worth in ETH and USDT now, and which of them one exchange can take."""

import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Final

from shared import logs
from shared.errors import ExchangeRefused, NoQuote
from shared.model.exchange import Exchange, Range
from shared.model.money import AMOUNT_MAX, dollars, is_within, plain, round_down
from shared.model.policy import Policy
from shared.model.quote import Offer, Quote, Selection, Sums, cap_by_eth
from shared.model.reasons import Reason
from shared.outside.database import Queries, Session

FITTINGS_MAX: Final = 4
PARTS_MAX: Final = 1024


def read_claimed(queries: Queries, batch_conversion_id: uuid.UUID) -> Sums:
    """Sum the payments that a batch already holds."""
    row = queries.row("get_claimed_to_quote", batch_conversion_id=batch_conversion_id)
    assert row is not None
    return Sums(**row)


def narrow(session: Session, selection: Selection) -> tuple[Selection, Sums] | None:
    """Cut a selection down to the oldest payments that keep its caps together; None where not one does."""
    if selection.usd_max is not None or selection.eth_max is not None:
        last = session.row("find_last_that_fits", **selection.parameters)
        if last is None:
            return None
        selection = replace(selection, last_created_at=last["created_at"], last_id=last["id"])
    row = session.row("get_pending_to_quote", **selection.parameters)
    assert row is not None
    return (selection, Sums(**row)) if row["payments"] else None


def fit(session: Session, exchange: Exchange, selection: Selection, policy: Policy) -> Offer:
    """Find the oldest payments that one exchange takes, and quote them.

    Raises NoQuote, or ExchangeUnavailable while ChangeNow does not answer; nothing is claimed by then.
    """
    limits = _get_limits(exchange)
    for _ in range(FITTINGS_MAX):
        narrowed = narrow(session, selection)
        if narrowed is None:
            break
        chosen, sums = narrowed
        if sums.total_usd > AMOUNT_MAX:
            raise NoQuote(Reason.ABOVE_BATCH_CAP)  # no batch can hold that; the policy's max_batch_usd splits it
        amount_eth = value_in_eth(exchange, sums)
        if limits.max_eth is None or amount_eth <= limits.max_eth:
            quote = _quote_within(exchange, limits, amount_eth, sums=sums, policy=policy)
            return Offer(chosen, sums, quote)
        selection = cap_by_eth(selection, sums, amount_eth, limits.max_eth)
    capped_by_policy = selection.eth_max is None
    raise NoQuote(Reason.ABOVE_BATCH_CAP if capped_by_policy else Reason.ABOVE_EXCHANGE_MAXIMUM)


def get_quote(exchange: Exchange, sums: Sums, policy: Policy) -> Quote:
    """Quote payments as they stand; raises NoQuote outside the exchange's range or where the guard refuses."""
    limits = _get_limits(exchange)
    return _quote_within(exchange, limits, value_in_eth(exchange, sums), sums=sums, policy=policy)


def value_in_eth(exchange: Exchange, sums: Sums) -> Decimal:
    """Say what payments are worth in ETH: what they brought in where known, ChangeNow's estimate for the rest."""
    estimated_eth = _estimate_eth(exchange, sums.unknown_usd) if sums.unknown_usd else Decimal(0)
    return round_down(sums.known_eth + estimated_eth)


def _estimate_eth(exchange: Exchange, amount_usd: Decimal) -> Decimal:
    """Estimate dollars in ETH; more than ChangeNow estimates at once is scaled up from the largest part it does."""
    parts = 1
    while True:
        try:
            return exchange.estimate_eth(amount_usd / parts) * parts
        except ExchangeRefused as refusal:
            if not refusal.is_above_maximum or parts >= PARTS_MAX:
                raise _to_no_quote(refusal) from refusal
            parts *= 2


def get_guarded_quote(exchange: Exchange, amount_eth: Decimal, total_usd: Decimal, policy: Policy) -> Quote:
    """Estimate an amount of ETH in USDT; raises NoQuote where the guard refuses it."""
    try:
        estimated_usdt = round_down(exchange.estimate_usdt(amount_eth))
    except ExchangeRefused as refusal:
        raise _to_no_quote(refusal) from refusal
    quote = Quote(amount_eth, estimated_usdt)
    require_worth(quote, total_usd, policy)
    return quote


def require_worth(quote: Quote, total_usd: Decimal, policy: Policy) -> None:
    """The guard: a quote must be worth the payments' dollars, both ways; raises NoQuote, and says so in the log."""
    if is_within(quote.estimated_usdt, total_usd, policy.quote_deviation_pct):
        return
    logs.error(
        logs.Event.QUOTE_REFUSED,
        f"Quote refused: {plain(quote.estimated_usdt)} USDT for {dollars(total_usd)} is beyond "
        f"{plain(policy.quote_deviation_pct)} % - nothing ordered",
        quoted_usdt=quote.estimated_usdt,
        total_usd=total_usd,
    )
    raise NoQuote(Reason.QUOTE_REFUSED)


def _get_limits(exchange: Exchange) -> Range:
    try:
        return exchange.get_range()
    except ExchangeRefused as refusal:
        raise _to_no_quote(refusal) from refusal


def _quote_within(exchange: Exchange, limits: Range, amount_eth: Decimal, *, sums: Sums, policy: Policy) -> Quote:
    """Accept an amount of ETH within the exchange's range, if it passes the guard."""
    if amount_eth <= 0 or amount_eth < limits.min_eth:
        raise NoQuote(Reason.BELOW_EXCHANGE_MINIMUM)
    if limits.max_eth is not None and amount_eth > limits.max_eth:
        raise NoQuote(Reason.ABOVE_EXCHANGE_MAXIMUM)
    return get_guarded_quote(exchange, amount_eth, sums.total_usd, policy)


def _to_no_quote(refusal: ExchangeRefused) -> NoQuote:
    if not refusal.is_below_minimum:
        logs.error(logs.Event.EXCHANGE_UNAVAILABLE, str(refusal), reason=refusal.code)
    return NoQuote(Reason.BELOW_EXCHANGE_MINIMUM if refusal.is_below_minimum else Reason.EXCHANGE_REFUSED)
