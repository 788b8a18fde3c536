"""What a reconciliation reads from the environment, and the two others that it makes of it."""

import os
from typing import Final

from ops.command_line.failures import NotDone
from ops.outside.environment import optional
from ops.outside.ethereum import Node
from ops.outside.exchange import open_exchange, open_list
from ops.situation.reconciliation.comparison import Wallet
from ops.situation.reconciliation.sources import Sources
from shared.environment import (
    Need,
    Setting,
    parse_count,
    parse_ethereum_address,
    parse_http_url,
    parse_seconds,
    parse_secret,
    read_settings,
)
from shared.errors import Unavailable

USDT_ON_ETHEREUM: Final = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
_READER: Final = frozenset({"reconcile"})
SETTINGS: Final = (
    Setting("HOST_WALLET_USDT_ADDRESS", "where payouts have to arrive", _READER, parse_ethereum_address),
    Setting("HOST_WALLET_ETH_ADDRESS", "the host wallet, which deposits leave", _READER, parse_ethereum_address),
    Setting(
        "ETHEREUM_RPC_URL",
        "a node's JSON-RPC; without it two of three are compared",
        _READER,
        parse_http_url,
        Need.OPTIONAL,
    ),
    Setting(
        "CHANGENOW_PRIVATE_API_KEY",
        "the key that ChangeNow's list wants of a partner who has one",
        _READER,
        parse_secret,
        Need.OPTIONAL,
    ),
    Setting("ETHEREUM_CHAIN_ID", "the chain that the node has to be of", _READER, parse_count, default="1"),
    Setting(
        "USDT_CONTRACT_ADDRESS",
        "the token that counts as USDT",
        _READER,
        parse_ethereum_address,
        default=USDT_ON_ETHEREUM,
    ),
    Setting("ETHEREUM_TIMEOUT_S", "how long the node may take for one answer", _READER, parse_seconds, default="10"),
)
RPC_URL: Final = "ETHEREUM_RPC_URL"
LIST_KEY: Final = "CHANGENOW_PRIVATE_API_KEY"


def open_sources() -> Sources:
    """Return ChangeNow and, where a node is given, the chain; raises NotDone for a node of another chain."""
    values = read_settings(os.environ, SETTINGS)
    node = Node(values[RPC_URL], values["ETHEREUM_TIMEOUT_S"]) if values[RPC_URL] else None
    sources = Sources(
        exchange=open_exchange(),
        exchanges=open_list(values[LIST_KEY]),
        node=node,
        wallet=Wallet(values["HOST_WALLET_USDT_ADDRESS"].lower(), values["USDT_CONTRACT_ADDRESS"].lower()),
        payer=values["HOST_WALLET_ETH_ADDRESS"].lower(),
    )
    if node is not None:
        _require_chain(sources, values["ETHEREUM_CHAIN_ID"])
    return sources


def secrets() -> tuple[str, ...]:
    """What must never stand in a log: a node's address often holds a key."""
    return tuple(filter(None, map(optional, (RPC_URL, LIST_KEY, "CHANGENOW_API_KEY"))))


def _require_chain(sources: Sources, chain_id: int) -> None:
    try:
        found = sources.ask_chain(Node.chain_id)
    except Unavailable:
        sources.to_chain.give_up()  # two of three are compared meanwhile
        return
    if found != chain_id:
        raise NotDone(f"the Ethereum node is of chain {found}, not {chain_id}; see ETHEREUM_RPC_URL, ETHEREUM_CHAIN_ID")
