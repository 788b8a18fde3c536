"""A chain beside the rig, and a shell that knows where its node is."""

import logging
from collections.abc import Iterator

import pytest

from sandbox.chain.accounts import HOST
from sandbox.chain.node import ChainNode
from sandbox.changenow.coins import MadeUpCoins
from sandbox.changenow.exchange import Schedule
from tests.ops.account.reconciliation.history import History
from tests.ops.conftest import Shell
from tests.rig import Rig


@pytest.fixture
def node() -> Iterator[ChainNode]:
    """A node of a chain that has one block."""
    with ChainNode() as running:
        yield running


@pytest.fixture
def history(rig: Rig, node: ChainNode) -> Iterator[History]:
    """No batch yet, and no exchange; ChangeNow is without a chain again afterwards."""
    rig.peers.exchange.forget_all()
    yield History(rig, node)
    rig.peers.exchange.coins = MadeUpCoins()
    rig.peers.exchange.schedule = Schedule()
    rig.peers.exchange.private_api_key = None


@pytest.fixture
def kept_logging() -> Iterator[None]:
    """A run that writes to the log sets the logging of its process up; here it is as before afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def three(shell: Shell, node: ChainNode, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell in which all three can be asked."""
    monkeypatch.setenv("ETHEREUM_RPC_URL", node.url)
    monkeypatch.setenv("HOST_WALLET_ETH_ADDRESS", HOST.address)
    return shell
