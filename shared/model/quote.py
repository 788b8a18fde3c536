"""Which payments a batch would take, and what a swap of them is worth now. No I/O."""

from datetime import datetime
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any, Final, NamedTuple

from shared.model.costs import QuotedCosts
from shared.model.decision import Pending
from shared.model.exchange import Range
from shared.model.money import AMOUNT_MAX, round_down
from shared.model.policy import Policy

_WIDE: Final = Context(prec=80)
_RATE_UNIT: Final = Decimal("1e-18")


class Rate(NamedTuple):
    """What dollars are worth in ETH now: the exchange's estimate for *amount_usd*."""

    amount_usd: Decimal
    amount_eth: Decimal
    eth_per_usd_before_fees: Decimal | None = None

    def to_eth(self, amount_usd: Decimal) -> Decimal:
        """Value dollars in ETH; exactly the estimate for the dollars that it was made for."""
        return _WIDE.divide(_WIDE.multiply(amount_usd, self.amount_eth), self.amount_usd)

    @property
    def eth_per_usd(self) -> Decimal:
        """The rate as one number, rounded up, so that a sum of parts never falls short of the whole."""
        per_usd = _WIDE.divide(self.amount_eth, self.amount_usd)
        return per_usd.quantize(_RATE_UNIT, rounding=ROUND_CEILING, context=_WIDE)


class Sums(NamedTuple):
    """The dollars of some payments; *unknown_usd* are those of payments that do not know the ETH they brought in."""

    payments: int
    total_usd: Decimal
    known_eth: Decimal
    unknown_usd: Decimal

    def value_in_eth(self, rate: Rate) -> Decimal:
        """Value them in ETH, rounded down: what they brought in where known, the exchange's rate for the rest."""
        return round_down(self.known_eth + rate.to_eth(self.unknown_usd))


class Quote(NamedTuple):
    """The ETH to send (eight decimals, rounded down), the USDT that the exchange estimates for it, and its costs."""

    amount_eth: Decimal
    estimated_usdt: Decimal
    costs: QuotedCosts = QuotedCosts()


class Terms(NamedTuple):
    """What one batch may hold: dollars, ETH and payments at most, and payments whose ETH is worth their dollars.

    *rate* turns dollars into ETH, *quote* says what ETH is worth; the deviation is the guard's, for each payment.
    """

    limits: Range
    usd_max: Decimal
    payments_max: int
    rate: Rate
    quote: Quote
    deviation_pct: Decimal

    @property
    def eth_max(self) -> Decimal:
        """The ETH that one exchange takes, and that the batch's column holds."""
        return cap_eth(self.limits)

    @property
    def unknown_usd_max(self) -> Decimal:
        """The dollars that a payment which does not know its ETH may be worth."""
        return min(self.usd_max, round_down(_WIDE.divide(self.eth_max, self.rate.eth_per_usd)))

    @property
    def parameters(self) -> dict[str, Any]:
        """The terms as the parameters of the statements that use them."""
        worth = _WIDE.divide(self.quote.amount_eth, self.quote.estimated_usdt).quantize(_RATE_UNIT, context=_WIDE)
        return {
            "usd_max": self.usd_max,
            "unknown_usd_max": self.unknown_usd_max,
            "eth_max": self.eth_max,
            "eth_per_usd": self.rate.eth_per_usd,
            "eth_per_usd_min": worth * (1 - self.deviation_pct / 100),
            "eth_per_usd_max": worth * (1 + self.deviation_pct / 100),
            "payments_max": self.payments_max,
        }

    def hold(self, sums: Sums) -> bool:
        """Tell whether one batch may hold all of some payments, each of which fits by itself."""
        return (
            sums.payments <= self.payments_max
            and sums.total_usd <= self.usd_max
            and sums.value_in_eth(self.rate) <= self.eth_max
        )


class Selection(NamedTuple):
    """Payments by age up to a last one (oldest first by created_at, id), each of which fits the terms by itself.

    What has arrived since, which its id tells whatever time it carries, is not in it, nor are those that another
    service held locked. It is not *selective* where all were seen to fit, and then asks each no more.
    """

    last_created_at: datetime
    last_id: int
    arrived_id: int
    locked_ids: tuple[int, ...]
    terms: Terms
    is_selective: bool = True

    @property
    def parameters(self) -> dict[str, Any]:
        """The selection as the parameters of the statements that use it."""
        return {
            "last_created_at": self.last_created_at,
            "last_id": self.last_id,
            "arrived_id": self.arrived_id,
            "locked_ids": list(self.locked_ids),
            "is_selective": self.is_selective,
            **self.terms.parameters,
        }


class Offer(NamedTuple):
    """Payments that one exchange takes, with the quote for them."""

    selection: Selection
    sums: Sums
    quote: Quote


def cap_usd(policy: Policy) -> Decimal:
    """Say how many dollars one batch may hold: the policy's cap, or what its column holds."""
    return AMOUNT_MAX if policy.max_batch_usd is None else policy.max_batch_usd


def cap_eth(limits: Range) -> Decimal:
    """Say how much ETH one batch may hold: what one exchange takes, or what its column holds."""
    return AMOUNT_MAX if limits.max_eth is None else round_down(min(limits.max_eth, AMOUNT_MAX))


def select_all(pending: Pending, terms: Terms, locked_ids: tuple[int, ...]) -> Selection:
    """Select everything that waited when *pending* was read and fits the terms."""
    assert pending.newest_created_at is not None
    assert pending.newest_id is not None
    return Selection(pending.newest_created_at, pending.newest_id, pending.newest_id, locked_ids, terms)
