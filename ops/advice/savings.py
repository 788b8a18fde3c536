"""What batching saved, from the costs that are on record of each batch: the fixed cost of the swaps that were not made.

Its quote told both fees; the deposit's gas is known once a reconciliation has asked the chain, and left out until then.

A payment below the exchange's minimum could not have been converted by itself: no swap was saved by it, and what it is
worth is told apart.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

REFUNDED: Final = "refunded"


@dataclass(frozen=True)
class BatchSaving:
    """One batch that has ended; None for what its quote did not tell."""

    number: int
    batch_conversion_id: UUID
    status: str
    created_at: datetime
    payments: int
    total_usd: Decimal
    fixed_cost_usd: Decimal | None
    deposit_gas_usd: Decimal | None
    """Of the fixed cost; None where the chain was not asked."""
    minimum_usd: Decimal | None
    spread_usd: Decimal | None
    payments_below_minimum: int
    below_minimum_usd: Decimal
    quoted_usdt: Decimal | None
    received_usdt: Decimal | None
    failure_reason: str | None
    lost_eth: Decimal | None
    usdt_per_eth: Decimal | None
    late_usdt: Decimal | None

    @property
    def swaps_saved(self) -> int:
        """How many swaps the payments that could have gone alone were spared."""
        return max(self.payments - self.payments_below_minimum - 1, 0)

    @property
    def saved_usd(self) -> Decimal | None:
        """(n - 1) K, over the n payments that could have gone alone."""
        return None if self.fixed_cost_usd is None else self.fixed_cost_usd * self.swaps_saved

    @property
    def slippage_usdt(self) -> Decimal | None:
        """By how much less arrived than was quoted; below zero where it was more."""
        if self.quoted_usdt is None or self.received_usdt is None:
            return None
        return self.quoted_usdt - self.received_usdt

    @property
    def lost_usd(self) -> Decimal | None:
        """What a deposit that brought no USDT was worth at its quote."""
        if self.lost_eth is None or self.usdt_per_eth is None:
            return None
        return (self.lost_eth * self.usdt_per_eth).quantize(Decimal("0.01"))

    @property
    def document(self) -> dict[str, Any]:
        """The batch for a JSON document."""
        derived = ("saved_usd", "slippage_usdt", "lost_usd")
        return asdict(self) | {name: getattr(self, name) for name in derived}


@dataclass(frozen=True)
class Lost:
    """Deposits that brought no USDT: how many, and what they were worth where that is known."""

    batches: int
    eth: Decimal
    usd: Decimal


@dataclass(frozen=True)
class Savings:
    """Batches in sum; figures of costs are of those that were measured."""

    completed: Sequence[BatchSaving]
    failed: Sequence[BatchSaving]

    @property
    def measured(self) -> list[BatchSaving]:
        """Completed batches whose quotes told both fees."""
        return [batch for batch in self.completed if batch.fixed_cost_usd is not None]

    @property
    def gas_known(self) -> list[BatchSaving]:
        """Those of them whose deposit's gas is in their fixed cost."""
        return [batch for batch in self.measured if batch.deposit_gas_usd is not None]

    @property
    def spread_pct(self) -> Decimal | None:
        """What ChangeNow keeps beside its fees, in percent of the dollars, where the market's rate is known."""
        known = [batch for batch in self.completed if batch.spread_usd is not None]
        total_usd = _sum(known, lambda batch: batch.total_usd)
        if not total_usd:
            return None
        return (100 * _sum(known, lambda batch: batch.spread_usd) / total_usd).quantize(Decimal("0.0001"))

    def lost(self, *, is_refunded: bool) -> Lost:
        """Deposits that came back less fees, or those that are not known to have come back."""
        lost = [
            batch
            for batch in self.failed
            if batch.lost_eth is not None and (batch.failure_reason == REFUNDED) is is_refunded and not batch.late_usdt
        ]
        return Lost(len(lost), _sum(lost, lambda batch: batch.lost_eth), _sum(lost, lambda batch: batch.lost_usd))

    @property
    def document(self) -> dict[str, Any]:
        """The sums for a JSON document."""
        completed, measured, gas_known = self.completed, self.measured, self.gas_known
        return {
            "batches": len(completed),
            "payments": sum(batch.payments for batch in completed),
            "total_usd": _sum(completed, lambda batch: batch.total_usd),
            "received_usdt": _sum(completed, lambda batch: batch.received_usdt),
            "batches_measured": len(measured),
            "fixed_cost_usd": _sum(measured, lambda batch: batch.fixed_cost_usd),
            "batches_with_gas": len(gas_known),
            "deposit_gas_usd": _sum(gas_known, lambda batch: batch.deposit_gas_usd),
            "swaps_saved": sum(batch.swaps_saved for batch in measured),
            "saved_usd": _sum(measured, lambda batch: batch.saved_usd),
            "payments_below_minimum": sum(batch.payments_below_minimum for batch in completed),
            "below_minimum_usd": _sum(completed, lambda batch: batch.below_minimum_usd),
            "spread_usd": _sum(completed, lambda batch: batch.spread_usd),
            "spread_pct": self.spread_pct,
            "slippage_usdt": _sum(completed, lambda batch: batch.slippage_usdt),
            "refunded": asdict(self.lost(is_refunded=True)),
            "lost": asdict(self.lost(is_refunded=False)),
            "late_usdt": _sum(self.failed, lambda batch: batch.late_usdt),
        }


def sum_up(batches: Iterable[BatchSaving]) -> Savings:
    """Put completed batches apart from those that failed."""
    listed = list(batches)
    return Savings(
        completed=[batch for batch in listed if batch.status == "completed"],
        failed=[batch for batch in listed if batch.status == "failed"],
    )


def _sum(batches: Iterable[BatchSaving], figure: Callable[[BatchSaving], Decimal | None]) -> Decimal:
    """Sum what is known."""
    return sum((found for batch in batches if (found := figure(batch)) is not None), Decimal(0))
