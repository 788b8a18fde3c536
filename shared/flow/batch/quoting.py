"""What payments are worth in ETH and USDT now, and which of them one exchange can take."""

import uuid
from decimal import Decimal
from typing import Final

from shared import logs
from shared.errors import ExchangeRefused, ExchangeUnavailable, NoQuote, PaymentsMoved
from shared.flow.context import CheckContext
from shared.model.costs import read_costs
from shared.model.exchange import Exchange, Range
from shared.model.money import dollars, is_within, plain, round_down
from shared.model.policy import Policy
from shared.model.quote import Offer, Quote, Rate, Selection, Sums, Terms, cap_eth, cap_usd
from shared.model.reasons import Reason
from shared.outside.database import Queries

PARTS_MAX: Final = 2**27  # a payment may hold 100 million dollars: those of one too large are part of what waits


def read_claimed(queries: Queries, batch_conversion_id: uuid.UUID) -> Sums:
    """Sum the payments that a batch already holds."""
    row = queries.row("get_claimed_to_quote", batch_conversion_id=batch_conversion_id)
    assert row is not None
    return Sums(**row)


def get_terms(check: CheckContext, pending_usd: Decimal) -> Terms:
    """Ask ChangeNow what one batch may hold now, and what dollars and ETH are worth, for the dollars that wait.

    Raises NoQuote, or ExchangeUnavailable while ChangeNow does not answer; nothing is claimed by then.
    """
    limits = _get_limits(check.exchange)
    rate = _get_rate(check.exchange, pending_usd)
    amount_eth = round_down(min(max(rate.amount_eth, limits.min_eth), cap_eth(limits)))
    if not amount_eth:
        raise NoQuote(Reason.BELOW_EXCHANGE_MINIMUM)
    quote = _get_quote(check.exchange, amount_eth, limits=limits, rate=rate)
    if not quote.estimated_usdt:
        raise ExchangeUnavailable(f"ChangeNow values {plain(amount_eth)} ETH at nothing")
    payments_max = check.settings.batch_payments_max
    return Terms(limits, cap_usd(check.policy), payments_max, rate, quote, check.policy.quote_deviation_pct)


def make_offer(check: CheckContext, selection: Selection, sums: Sums) -> Offer:
    """Quote the oldest payments of a selection that one batch holds.

    Raises NoQuote, ExchangeUnavailable, or PaymentsMoved where they are gone by now.
    """
    terms = selection.terms
    if not terms.hold(sums):
        last = check.session.row("find_last_that_fits", **selection.parameters)
        if last is None:
            raise PaymentsMoved("the payments that were to be quoted are gone")
        selection = selection._replace(last_created_at=last.pop("created_at"), last_id=last.pop("id"))
        sums = Sums(**last)
    amount_eth = sums.value_in_eth(terms.rate)
    _require_within(terms.limits, amount_eth)
    quote = terms.quote
    if quote.amount_eth != amount_eth:
        quote = _get_quote(check.exchange, amount_eth, limits=terms.limits, rate=terms.rate)
    require_worth(quote, sums.total_usd, check.policy)
    return Offer(selection, sums, quote)


def get_quote(exchange: Exchange, sums: Sums, policy: Policy) -> Quote:
    """Quote payments as they stand; raises NoQuote outside the exchange's range or where the guard refuses."""
    limits = _get_limits(exchange)
    rate = _get_rate(exchange, sums.unknown_usd) if sums.unknown_usd else None
    amount_eth = round_down(sums.known_eth + (rate.amount_eth if rate else 0))
    _require_within(limits, amount_eth)
    quote = _get_quote(exchange, amount_eth, limits=limits, rate=rate)
    require_worth(quote, sums.total_usd, policy)
    return quote


def _get_rate(exchange: Exchange, amount_usd: Decimal) -> Rate:
    """Estimate dollars in ETH; more than ChangeNow estimates at once is scaled up from the largest part it does."""
    parts = 1
    while True:
        try:
            estimate = exchange.estimate_eth(amount_usd / parts)
            return Rate(amount_usd, estimate.received * parts, estimate.rate_before_fees)
        except ExchangeRefused as refusal:
            if not refusal.is_above_maximum or parts >= PARTS_MAX:
                raise _to_no_quote(refusal) from refusal
            parts *= 2


def get_guarded_quote(exchange: Exchange, amount_eth: Decimal, total_usd: Decimal, policy: Policy) -> Quote:
    """Estimate an amount of ETH in USDT; raises NoQuote where the guard refuses it."""
    quote = _get_quote(exchange, amount_eth)
    require_worth(quote, total_usd, policy)
    return quote


def _get_quote(
    exchange: Exchange, amount_eth: Decimal, *, limits: Range | None = None, rate: Rate | None = None
) -> Quote:
    """Estimate ETH in USDT; what was asked for beside it says more of the costs."""
    try:
        estimate = exchange.estimate_usdt(amount_eth)
    except ExchangeRefused as refusal:
        raise _to_no_quote(refusal) from refusal
    costs = read_costs(estimate, limits, rate.eth_per_usd_before_fees if rate else None)
    return Quote(amount_eth, round_down(estimate.received), costs)


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
    raise NoQuote(Reason.QUOTE_REFUSED, quote.estimated_usdt)


def _get_limits(exchange: Exchange) -> Range:
    try:
        return exchange.get_range()
    except ExchangeRefused as refusal:
        raise _to_no_quote(refusal) from refusal


def _require_within(limits: Range, amount_eth: Decimal) -> None:
    """The exchange's range; raises NoQuote outside of it."""
    if amount_eth <= 0 or amount_eth < limits.min_eth:
        raise NoQuote(Reason.BELOW_EXCHANGE_MINIMUM)
    if limits.max_eth is not None and amount_eth > limits.max_eth:
        raise NoQuote(Reason.ABOVE_EXCHANGE_MAXIMUM)


def _to_no_quote(refusal: ExchangeRefused) -> NoQuote:
    if not refusal.is_below_minimum:
        logs.error(logs.Event.EXCHANGE_UNAVAILABLE, str(refusal), reason=refusal.code)
    return NoQuote(Reason.BELOW_EXCHANGE_MINIMUM if refusal.is_below_minimum else Reason.EXCHANGE_REFUSED)
