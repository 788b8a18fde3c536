"""ChangeNow's coins where a chain is there: it sees deposits in the blocks, and pays by transactions of its own."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final

from sandbox.chain.accounts import (
    ETH_DECIMALS,
    EXCHANGE,
    OTHER_TOKEN,
    STRANGER,
    TOKEN_DECIMALS,
    TOKENS_AT_START,
    USDT,
    to_smallest,
)
from sandbox.chain.ledger import Ledger
from sandbox.changenow.coins import Arrival, transaction_hash
from sandbox.changenow.exchange import Exchange

TRANSFER: Final = bytes.fromhex("a9059cbb")
TRANSFER_GAS: Final = 100_000
ETH_GAS: Final = 21_000
WORD_BYTES: Final = 32
SHORT_BY: Final = Decimal("0.01")


class PayoutFault(StrEnum):
    """What can be wrong with a payout of which ChangeNow says that all is well."""

    MISSING = "missing"  # a hash of no transaction
    REVERTED = "reverted"  # a transaction that failed
    ELSEWHERE = "elsewhere"  # to another address
    OTHER_TOKEN = "other-token"
    OTHER_AMOUNT = "other-amount"  # a cent less than it says


class Treasury:
    """Pays out of the exchange's account; ``next_fault`` spoils the next payout and is gone with it."""

    def __init__(self, ledger: Ledger) -> None:
        self.next_fault: PayoutFault | None = None
        self._ledger = ledger

    def arrived(self, payin_address: str) -> Sequence[Arrival]:
        """The ETH in the blocks, oldest first."""
        return self._ledger.arrivals(payin_address)

    def pay_out(self, exchange: Exchange) -> str:
        """Transfer the USDT, as well as the fault lets it."""
        fault, self.next_fault = self.next_fault, None
        amount = exchange.amount_to or Decimal(0)
        match fault:
            case PayoutFault.MISSING:
                return transaction_hash()
            case PayoutFault.REVERTED:
                return self._transfer(USDT, exchange.payout_address, TOKENS_AT_START + 1)
            case PayoutFault.ELSEWHERE:
                return self._transfer(USDT, STRANGER, amount)
            case PayoutFault.OTHER_TOKEN:
                return self._transfer(OTHER_TOKEN, exchange.payout_address, amount)
            case PayoutFault.OTHER_AMOUNT:
                return self._transfer(USDT, exchange.payout_address, amount - SHORT_BY)
            case None:
                return self._transfer(USDT, exchange.payout_address, amount)

    def send_back(self, exchange: Exchange) -> str:
        """Send the ETH back."""
        value_wei = to_smallest(exchange.refund_amount or Decimal(0), ETH_DECIMALS)
        receiver = exchange.refund_address or STRANGER
        return self._ledger.send(EXCHANGE.address, receiver, value_wei=value_wei, gas=ETH_GAS)

    def _transfer(self, token: str, receiver: str, amount: Decimal) -> str:
        words = (int(receiver, 16), to_smallest(amount, TOKEN_DECIMALS))
        data = TRANSFER + b"".join(word.to_bytes(WORD_BYTES, "big") for word in words)
        return self._ledger.send(EXCHANGE.address, token, data=data, gas=TRANSFER_GAS)
