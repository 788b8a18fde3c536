"""Who has an account on the sandbox's chain, what it holds at the start, and where the tokens are."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

ETH_DECIMALS: Final = 18
TOKEN_DECIMALS: Final = 6
USDT: Final = "0xdac17f958d2ee523a2206206994597c13d831ec7"
"""Where USDT is on Ethereum, so that what asks for it needs no other setting here."""
OTHER_TOKEN: Final = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
"""Another dollar of six decimals, at its own address: worth a dollar, and not what was bought."""
STRANGER: Final = "0x" + "5e" * 20


@dataclass(frozen=True)
class Account:
    """An account whose made-up key the node holds, as a development node does."""

    key: int
    address: str


HOST: Final = Account(1, "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf")
"""The host wallet: GCHostPay1 pays out of it."""
EXCHANGE: Final = Account(2, "0x2b5ad5c4795c026514f8317c7a215e218dccd6cf")
"""ChangeNow's: it pays USDT, and ETH that it sends back."""
ACCOUNTS: Final = (HOST, EXCHANGE)
ETH_AT_START: Final = Decimal(1_000_000)
TOKENS_AT_START: Final = Decimal(1_000_000_000)  # of each, the exchange's


def to_smallest(amount: Decimal, decimals: int) -> int:
    """Count an amount in the chain's smallest unit, cut towards zero: what is smaller cannot be sent."""
    return int(amount.scaleb(decimals))
