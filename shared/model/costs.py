"""What a quote tells of a swap's costs, for the books and the policy's cost rule: no batch waits for any of it. No I/O.

The market's own rate is not asked for. A quote each way is made anyhow, and what the exchange keeps of a swap shows in
both: ETH to USDT gives the rate times what is kept, USDT to ETH what is kept over the rate. The rate is the square root
of the one over the other, as exact as the exchange keeps the same percentage both ways.
"""

from decimal import Context, Decimal
from typing import Final, NamedTuple

from shared.model.exchange import Estimate, Range
from shared.model.money import AMOUNT_MAX, UNIT

_WIDE: Final = Context(prec=80)  # rounds half to even


class QuotedCosts(NamedTuple):
    """The exchange's two network fees, the least it takes, and the market's rate; None for what is not known."""

    deposit_fee_eth: Decimal | None = None
    withdrawal_fee_usdt: Decimal | None = None
    minimum_eth: Decimal | None = None
    market_usdt_per_eth: Decimal | None = None


def read_costs(estimate: Estimate, limits: Range | None, eth_per_usd_before_fees: Decimal | None) -> QuotedCosts:
    """Take the costs out of what a quote was made of, as columns hold them."""
    return QuotedCosts(
        deposit_fee_eth=_to_column(estimate.deposit_fee),
        withdrawal_fee_usdt=_to_column(estimate.withdrawal_fee),
        minimum_eth=_to_column(limits.min_eth) if limits else None,
        market_usdt_per_eth=_find_market(estimate, eth_per_usd_before_fees),
    )


def _find_market(estimate: Estimate, eth_per_usd_before_fees: Decimal | None) -> Decimal | None:
    """What an ETH is worth in USDT between the two quotes; None where that is no number, or no column holds it."""
    usdt_per_eth = estimate.rate_before_fees
    if not usdt_per_eth or not eth_per_usd_before_fees:
        return None
    try:
        return _to_column(_WIDE.sqrt(_WIDE.divide(usdt_per_eth, eth_per_usd_before_fees))) or None
    except ArithmeticError:  # of amounts that no market has
        return None


def _to_column(amount: Decimal | None) -> Decimal | None:
    if amount is None or not 0 <= amount <= AMOUNT_MAX:
        return None
    return _WIDE.quantize(amount, UNIT)
