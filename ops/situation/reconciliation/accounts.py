"""What each of the three says of a batch, put side by side."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ops.outside.ethereum import Payment, Receipt
from shared.model.exchange import ExchangeState


@dataclass(frozen=True)
class OurBatch:
    """A batch as our database has it; *settled_at* is when it was completed, or paid late."""

    number: int
    batch_conversion_id: uuid.UUID
    status: str
    total_usd: Decimal
    amount_eth: Decimal | None
    deposit_eth: Decimal | None
    received_usdt: Decimal | None
    tx_hash: str | None
    payin_hash: str | None
    cn_api_id: str | None
    payin_address: str | None
    ordered_at: datetime | None
    is_deposit_lost: bool
    late_usdt: Decimal | None
    refused_usdt: Decimal | None
    failure_reason: str | None
    settled_at: datetime

    @property
    def is_in_flight(self) -> bool:
        """Whether it has not ended."""
        return self.status in ("pending", "swapping")

    @property
    def is_perhaps_ordered(self) -> bool:
        """Whether somebody may have been told to pay."""
        return self.ordered_at is not None

    @property
    def is_completed(self) -> bool:
        """Whether its USDT has been distributed."""
        return self.status == "completed"

    @property
    def booked_usdt(self) -> Decimal | None:
        """What we have on record as paid out for it: distributed, or come late."""
        return self.received_usdt if self.is_completed else self.late_usdt


@dataclass(frozen=True)
class Sighting:
    """What the chain shows of one transaction; both are None where it shows nothing."""

    tx_hash: str
    payment: Payment | None
    receipt: Receipt | None
    is_final: bool

    @property
    def block(self) -> int | None:
        """The block that it is in."""
        return self.receipt.block if self.receipt else None

    @property
    def is_waiting(self) -> bool:
        """Whether it may still come into a block that stays."""
        return not self.is_final and (self.payment is not None or self.receipt is not None)


@dataclass(frozen=True)
class OnChain:
    """The transactions of one batch; None for one whose hash nobody names."""

    deposit: Sighting | None = None
    payout: Sighting | None = None
    refund: Sighting | None = None
    others: tuple[Payment, ...] = ()
    """Further payments to the same payin address."""


@dataclass(frozen=True)
class Accounts:
    """Ours, ChangeNow's (None: it knows no such exchange), the chain's (None: it was not asked)."""

    ours: OurBatch
    changenow: ExchangeState | None
    chain: OnChain | None


def same_hash(hash_: str | None) -> str | None:
    """Write a transaction's hash in one spelling; None for what is no hash."""
    digits = (hash_ or "").lower().removeprefix("0x")
    is_hash = len(digits) == 64 and not set(digits) - set("0123456789abcdef")
    return f"0x{digits}" if is_hash else None
