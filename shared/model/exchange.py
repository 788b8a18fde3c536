"""What the flow knows of an exchange service: its answers in our words, and what can be asked of it. No I/O."""

from decimal import Decimal
from enum import Enum, auto
from typing import Any, NamedTuple, Protocol


class Phase(Enum):
    """Where an exchange is, whatever the service's own word for it."""

    PREPARING = auto()  # made, not ready for its deposit
    WAITING = auto()  # for its deposit
    UNDER_WAY = auto()  # the deposit was seen; also any word that nobody knows
    FINISHED = auto()  # paid out
    FAILED = auto()  # ended without a payout
    REFUNDED = auto()  # ended, and the deposit was sent back less fees


class Range(NamedTuple):
    """The ETH that one exchange takes; *max_eth* is None where there is no upper limit."""

    min_eth: Decimal
    max_eth: Decimal | None


class Estimate(NamedTuple):
    """What *sent* would bring, *received*, after all fees; a fee is None where none is told that can be read."""

    sent: Decimal
    received: Decimal
    deposit_fee: Decimal | None = None  # in the currency that is sent
    withdrawal_fee: Decimal | None = None  # in the currency that arrives

    @property
    def rate_before_fees(self) -> Decimal | None:
        """What one unit sent brings before both fees are taken; None where they are not known, or eat all of it."""
        if self.deposit_fee is None or self.withdrawal_fee is None or self.deposit_fee >= self.sent:
            return None
        try:
            return (self.received + self.withdrawal_fee) / (self.sent - self.deposit_fee)
        except ArithmeticError:  # of amounts that no market has
            return None


class CreatedExchange(NamedTuple):
    """An exchange that waits for its deposit."""

    cn_api_id: str
    payin_address: str
    estimated_usdt: Decimal | None


class ExchangeState(NamedTuple):
    """Where an exchange is; *received_usdt* is what was paid out, known once it is finished."""

    cn_api_id: str
    status: str  # the service's own word, for records and for people
    phase: Phase
    received_usdt: Decimal | None
    expected_eth: Decimal | None
    deposit_eth: Decimal | None  # what arrived, as the service counted it
    payin_hash: str | None  # the deposit's transaction
    payout_hash: str | None = None  # of the USDT that it paid out
    payout_address: str | None = None
    refund_hash: str | None = None  # of the ETH that it sent back

    @property
    def deposit(self) -> dict[str, Any]:
        """What is known of its deposit, as statements store it and events tell it."""
        return {"deposit_eth": self.deposit_eth, "payin_hash": self.payin_hash}

    @property
    def is_unpaid(self) -> bool:
        """Nobody has paid it, as far as the service knows."""
        return self.phase in (Phase.PREPARING, Phase.WAITING)

    @property
    def is_waiting(self) -> bool:
        """It can be paid now: whoever pays earlier is refused."""
        return self.phase is Phase.WAITING

    @property
    def is_preparing(self) -> bool:
        """It was made, and is not ready for its deposit."""
        return self.phase is Phase.PREPARING

    @property
    def has_deposit(self) -> bool:
        """Somebody has paid it: the deposit is named, or was sent back."""
        return self.is_refunded or self.deposit_eth is not None or self.payin_hash is not None

    @property
    def is_lost(self) -> bool:
        """It has ended, and no USDT will come of it."""
        return self.phase in (Phase.FAILED, Phase.REFUNDED)

    @property
    def is_refunded(self) -> bool:
        """It has ended, and the ETH came back less fees."""
        return self.phase is Phase.REFUNDED

    @property
    def is_finished(self) -> bool:
        """It has paid out."""
        return self.phase is Phase.FINISHED


class Exchange(Protocol):
    """An exchange service; raises ExchangeRefused for an answer that is final, ExchangeUnavailable otherwise."""

    def estimate_eth(self, amount_usd: Decimal) -> Estimate:
        """Estimate the ETH that dollars are worth now, with USDT standing for the dollar."""

    def estimate_usdt(self, amount_eth: Decimal) -> Estimate:
        """Estimate the USDT that would arrive for *amount_eth*, after all fees."""

    def get_range(self) -> Range:
        """Read the smallest and largest deposit, in ETH, that an exchange to USDT takes now."""

    def create_exchange(self, *, amount_eth: Decimal, payout_address: str, refund_address: str) -> CreatedExchange:
        """Make an exchange of *amount_eth* into USDT at *payout_address*; nothing moves until somebody pays it."""

    def get_exchange(self, cn_api_id: str) -> ExchangeState:
        """Read where an exchange is."""

    def get_page_url(self, cn_api_id: str) -> str:
        """Return the page on which a person sees an exchange."""
