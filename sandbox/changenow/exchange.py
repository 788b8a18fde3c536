"""One exchange at the ChangeNow stand-in: its record, and its life from new to a final state."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Self

from sandbox.changenow.market import Pair

FINAL: Final = frozenset({"finished", "failed", "refunded", "expired"})
# What ChangeNow's support may still pay out, days later.
REVIVABLE: Final = frozenset({"failed", "expired"})
# The path of a good exchange; a deposit moves it from waiting to confirming.
NEXT: Final = {
    "new": "waiting",
    "waiting": "confirming",
    "confirming": "exchanging",
    "exchanging": "sending",
    "sending": "finished",
    "verifying": "exchanging",
}
END: Final = "finished"


@dataclass(frozen=True)
class Schedule:
    """How an exchange goes by itself: seconds in each state (None: until somebody moves it on), and its end."""

    new_s: float | None = 0.0
    seen_after_s: float = 0.0
    """From the deposit until ChangeNow sees it: the exchange is still waiting meanwhile."""
    confirming_s: float | None = 0.2
    exchanging_s: float | None = 0.3
    sending_s: float | None = 0.2
    expires_after_s: float | None = None
    """Of waiting for a deposit; None: it waits for ever and is never told to have expired."""
    ends_as: str = END
    """What follows exchanging where it is not the good path: failed, refunded or verifying."""
    paid_late_after_s: float | None = None
    """The payout of one that failed or expired with a deposit, after all."""

    @classmethod
    def by_hand(cls) -> Self:
        """After the deposit nothing moves but by advance() and finish()."""
        return cls(confirming_s=None, exchanging_s=None, sending_s=None)

    def after(self, status: str, *, is_paid: bool) -> tuple[str, timedelta] | None:
        """The state that follows *status* by itself, and when."""
        stay_s = {
            "new": self.new_s,
            "waiting": self.expires_after_s,
            "confirming": self.confirming_s,
            "exchanging": self.exchanging_s,
            "sending": self.sending_s,
            "failed": self.paid_late_after_s if is_paid else None,
            "expired": self.paid_late_after_s if is_paid else None,
        }.get(status)
        return None if stay_s is None else (self._following(status), timedelta(seconds=stay_s))

    def _following(self, status: str) -> str:
        if status == "waiting":
            return "expired"
        if status in REVIVABLE:
            return END
        if status == "exchanging" and self.ends_as != END:
            return self.ends_as
        return NEXT[status]


@dataclass(frozen=True)
class Deposit:
    """Coins that reached a payin address."""

    amount_eth: Decimal
    tx_hash: str
    received_at: datetime
    seen_at: datetime | None  # by ChangeNow; None: never


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
    seen_deposit: Deposit | None = None  # the first that ChangeNow knows of
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
        """Reach *status* at *at*; a final state is left by nothing but a late payout."""
        is_late_payout = self.status in REVIVABLE and status == END
        if self.status in FINAL and not is_late_payout:
            raise ValueError(f"exchange {self.id} is {self.status} and stays so")
        self.history.append((status, at))

    def see(self, now: datetime) -> None:
        """Let ChangeNow know of the first deposit that it can see by *now*."""
        if self.seen_deposit is None:
            visible = (deposit for deposit in self.deposits if deposit.seen_at is not None and deposit.seen_at <= now)
            self.seen_deposit = next(visible, None)

    def next_step(self, schedule: Schedule) -> tuple[str, datetime] | None:
        """The state that follows by itself, and when: a deposit seen ends the waiting, unless it came too late."""
        step = schedule.after(self.status, is_paid=self.seen_deposit is not None)
        by_itself = None if step is None else (step[0], self.updated_at + step[1])
        if self.status != "waiting" or self.seen_deposit is None or self.seen_deposit.seen_at is None:
            return by_itself
        confirming = ("confirming", max(self.updated_at, self.seen_deposit.seen_at))
        return confirming if by_itself is None or confirming[1] <= by_itself[1] else by_itself

    def copy(self) -> "Exchange":
        """A record of this moment, which later events do not change."""
        return replace(self, deposits=list(self.deposits), history=list(self.history))
