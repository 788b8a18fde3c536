"""One exchange at the ChangeNow stand-in: its record, and its life from new to a final state."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Self

from sandbox.changenow.market import Pair

FINAL = frozenset({"finished", "failed", "refunded", "expired"})
# The path of a good exchange; a deposit moves it from waiting to confirming.
NEXT = {
    "new": "waiting",
    "waiting": "confirming",
    "confirming": "exchanging",
    "exchanging": "sending",
    "sending": "finished",
    "verifying": "exchanging",
}


@dataclass(frozen=True)
class Schedule:
    """How long an exchange stays in each state, in seconds; None: until somebody moves it on."""

    new_s: float | None = 0.0
    confirming_s: float | None = 0.2
    exchanging_s: float | None = 0.3
    sending_s: float | None = 0.2
    expires_after_s: float | None = None  # waiting for a deposit

    @classmethod
    def by_hand(cls) -> Self:
        """After the deposit nothing moves but by advance() and finish()."""
        return cls(confirming_s=None, exchanging_s=None, sending_s=None)

    def after(self, status: str) -> tuple[str, timedelta] | None:
        """The state that follows *status* by itself, and when."""
        stay_s = {
            "new": self.new_s,
            "waiting": self.expires_after_s,
            "confirming": self.confirming_s,
            "exchanging": self.exchanging_s,
            "sending": self.sending_s,
        }.get(status)
        if stay_s is None:
            return None
        return "expired" if status == "waiting" else NEXT[status], timedelta(seconds=stay_s)


@dataclass(frozen=True)
class Deposit:
    """Coins that reached a payin address."""

    amount_eth: Decimal
    tx_hash: str
    received_at: datetime


@dataclass
class Exchange:
    """What ChangeNow knows of one exchange."""

    id: str
    pair: Pair
    expected_amount_from: Decimal
    expected_amount_to: Decimal
    payin_address: str
    payout_address: str
    refund_address: str | None
    created_at: datetime
    deposits: list[Deposit] = field(default_factory=list)
    history: list[tuple[str, datetime]] = field(default_factory=list)
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None  # known when it is finished, not before
    payout_hash: str | None = None
    refund_amount: Decimal | None = None
    refund_hash: str | None = None

    @property
    def status(self) -> str:
        """The state now."""
        return self.history[-1][0]

    @property
    def updated_at(self) -> datetime:
        """When the state was reached."""
        return self.history[-1][1]

    def enter(self, status: str, at: datetime) -> None:
        """Reach *status* at *at*; a final state is left by nothing."""
        if self.history and self.status in FINAL:
            raise ValueError(f"exchange {self.id} is {self.status} and stays so")
        self.history.append((status, at))

    def copy(self) -> "Exchange":
        """A record of this moment, which later events do not change."""
        return replace(self, deposits=list(self.deposits), history=list(self.history))
