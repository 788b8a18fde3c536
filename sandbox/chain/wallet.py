"""A wallet on the sandbox's chain, as a service has one: it asks the node to sign and send."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import requests

from sandbox.chain.accounts import ETH_DECIMALS, to_smallest

TIMEOUT_S: Final = 10.0
ETH_GAS: Final = 21_000


class RefusedByNodeError(Exception):
    """The node did not take a transaction."""


@dataclass(frozen=True)
class Wallet:
    """An account, and the node that holds its key."""

    node_url: str
    address: str

    def send_eth(self, receiver: str, amount_eth: Decimal) -> str:
        """Send ETH and return the transaction's hash."""
        value = hex(to_smallest(amount_eth, ETH_DECIMALS))
        call = {"from": self.address, "to": receiver, "value": value, "gas": hex(ETH_GAS)}
        document: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendTransaction", "params": [call]}
        response = requests.post(self.node_url, json=document, timeout=TIMEOUT_S)
        response.raise_for_status()
        answer = response.json()
        if "error" in answer:
            raise RefusedByNodeError(str(answer["error"]["message"]))
        return str(answer["result"])
