"""Which payments a batch would take, and what a swap of them is worth now. No I/O."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from shared.model.decision import Pending
from shared.model.money import round_down


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

    @property
    def uncapped(self) -> "Selection":
        """The same payments without the caps."""
        return replace(self, usd_max=None, eth_max=None)


@dataclass(frozen=True)
class Sums:
    """The dollars of some payments; *unknown_usd* are those of payments that do not know the ETH they brought in."""

    payments: int
    total_usd: Decimal
    known_eth: Decimal
    unknown_usd: Decimal


@dataclass(frozen=True)
class Quote:
    """The ETH to send (eight decimals, rounded down) and the USDT that the exchange estimates for it."""

    amount_eth: Decimal
    estimated_usdt: Decimal


@dataclass(frozen=True)
class Offer:
    """Payments that one exchange takes, with the quote for them."""

    selection: Selection
    sums: Sums
    quote: Quote


def select_all(pending: Pending, usd_max: Decimal | None) -> Selection:
    """Select everything that waited when *pending* was read."""
    assert pending.newest_created_at is not None
    assert pending.newest_id is not None
    return Selection(pending.newest_created_at, pending.newest_id, usd_max=usd_max)


def cap_by_eth(selection: Selection, sums: Sums, amount_eth: Decimal, eth_max: Decimal) -> Selection:
    """Add the exchange's maximum to a selection, at the rate of the quote that went beyond it."""
    unknown_eth = amount_eth - round_down(sums.known_eth)
    eth_per_usd = unknown_eth / sums.unknown_usd if sums.unknown_usd else Decimal(0)
    return replace(selection, eth_max=round_down(eth_max), eth_per_usd=eth_per_usd)
