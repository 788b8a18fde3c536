"""Where an exchange's coins come from and go to: by word of mouth here, by transactions where a chain is there."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from sandbox.changenow.exchange import Exchange


@dataclass(frozen=True)
class Arrival:
    """ETH that has reached an address."""

    tx_hash: str
    amount_eth: Decimal


class Coins(Protocol):
    """The office's own wallet, and what it sees of the chain."""

    def arrived(self, payin_address: str) -> Sequence[Arrival]:
        """What has reached an address so far, oldest first."""

    def pay_out(self, exchange: Exchange) -> str:
        """Send the exchange's ``amount_to`` to its payout address; returns the transaction's hash."""

    def send_back(self, exchange: Exchange) -> str:
        """Send the exchange's ``refund_amount`` to its refund address; returns the transaction's hash."""


class MadeUpCoins:
    """No chain: deposits are told by the controls, and hashes are of nothing."""

    def arrived(self, payin_address: str) -> Sequence[Arrival]:  # noqa: ARG002 - the protocol's
        """Nothing that anybody could see."""
        return ()

    def pay_out(self, exchange: Exchange) -> str:  # noqa: ARG002 - the protocol's
        """A hash that is new each time."""
        return transaction_hash()

    def send_back(self, exchange: Exchange) -> str:  # noqa: ARG002 - the protocol's
        """A hash that is new each time."""
        return transaction_hash()


def transaction_hash() -> str:
    """A hash as Ethereum writes it, new each time."""
    return "0x" + secrets.token_hex(32)
