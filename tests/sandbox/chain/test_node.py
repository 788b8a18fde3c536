"""The node answers as real ones do: null for what it does not know, an error object, a batch, and faults."""

import subprocess
import sys
from decimal import Decimal

import pytest
import requests

from sandbox.chain.accounts import EXCHANGE, HOST
from sandbox.chain.ledger import CHAIN_ID
from sandbox.chain.methods import BAD_PARAMETERS, NO_SUCH_METHOD
from sandbox.chain.node import ChainNode, calls
from sandbox.chain.wallet import RefusedByNodeError, Wallet
from sandbox.wire.faults import delay, status
from tests.sandbox.chain.conftest import Client

PAYIN = "0x" + "11" * 20
NO_HASH = "0x" + "77" * 32


def pay(client: Client, value_wei: int = 16_000_000_000_000_000) -> str:
    """ETH leaves the host wallet."""
    call = {"from": HOST.address, "to": PAYIN, "value": hex(value_wei)}
    return str(client.ask("eth_sendTransaction", call))


def test_a_payment_is_in_a_block_with_what_it_cost(client: Client) -> None:
    """The receipt's gas and its price are what the sender's balance went down by, to the last wei."""
    before = int(client.ask("eth_getBalance", HOST.address, "latest"), 16)
    tx_hash = pay(client)
    receipt = client.ask("eth_getTransactionReceipt", tx_hash)
    transaction = client.ask("eth_getTransactionByHash", tx_hash)
    assert transaction["to"] == receipt["to"] == PAYIN
    assert transaction["from"] == receipt["from"] == HOST.address
    spent = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16) + int(transaction["value"], 16)
    assert int(client.ask("eth_getBalance", HOST.address, "latest"), 16) == before - spent
    assert int(receipt["gasUsed"], 16) == 21_000
    assert int(client.ask("eth_getBalance", PAYIN, "latest"), 16) == 16_000_000_000_000_000


def test_blocks_are_numbered_and_keep_what_was(client: Client) -> None:
    """An account's count of transactions at an old block is what it was then."""
    assert int(client.ask("eth_chainId"), 16) == CHAIN_ID
    first, second = pay(client), pay(client)
    assert client.ask("eth_blockNumber") == "0x2"
    assert [client.ask("eth_getTransactionCount", HOST.address, at) for at in ("0x0", "0x1", "0x2")] == [
        "0x0",
        "0x1",
        "0x2",
    ]
    assert client.ask("eth_getBlockByNumber", "0x1", False)["transactions"] == [first]
    (whole,) = client.ask("eth_getBlockByNumber", "finalized", True)["transactions"]
    assert (whole["hash"], whole["nonce"]) == (second, "0x1")
    assert client.ask("eth_getBlockByNumber", "0x3", False) is None


def test_a_transaction_that_waits_has_no_receipt(node: ChainNode, client: Client) -> None:
    """It is known, in no block, and its receipt is null until it is mined."""
    node.ledger.mines = False
    hashes = [pay(client), pay(client)]
    assert client.ask("eth_getTransactionReceipt", hashes[0]) is None
    assert client.ask("eth_getTransactionByHash", hashes[1])["blockNumber"] is None
    node.ledger.mine()
    receipts = [client.ask("eth_getTransactionReceipt", tx_hash) for tx_hash in hashes]
    assert [receipt["transactionIndex"] for receipt in receipts] == ["0x0", "0x1"]
    assert [receipt["gasUsed"] for receipt in receipts] == [hex(21_000)] * 2
    assert client.ask("eth_getTransactionReceipt", NO_HASH) is None
    assert client.ask("eth_getTransactionByHash", NO_HASH) is None


def test_what_is_asked_wrongly_is_an_error_object(client: Client) -> None:
    """With status 200, as real nodes answer, the others of a batch beside it."""
    good = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
    unknown = {"jsonrpc": "2.0", "id": 2, "method": "eth_mine", "params": []}
    bad = {"jsonrpc": "2.0", "id": 3, "method": "eth_getTransactionReceipt", "params": ["0x1"]}
    answers = client.post([good, unknown, bad, 4])
    assert answers[0]["result"] == hex(CHAIN_ID)
    assert [answer["error"]["code"] for answer in answers[1:3]] == [NO_SUCH_METHOD, BAD_PARAMETERS]
    assert "error" in answers[3]
    assert "error" in requests.post(client.node.url, data=b"{", timeout=5).json()


def test_a_wallet_of_another_is_refused(node: ChainNode) -> None:
    """A node signs for the accounts whose keys it has."""
    with pytest.raises(RefusedByNodeError):
        Wallet(node.url, "0x" + "99" * 20).send_eth(PAYIN, Decimal(1))


def test_faults_meet_the_calls_that_are_meant(node: ChainNode, client: Client) -> None:
    """One method of one transaction is answered 503, or late; the others as ever."""
    tx_hash = pay(client)
    node.faults.add("POST /", status(503), where=calls("eth_getTransactionReceipt", tx_hash))
    assert client.ask("eth_chainId")
    with pytest.raises(requests.HTTPError, match="503"):
        client.ask("eth_getTransactionReceipt", tx_hash)
    assert client.ask("eth_getTransactionReceipt", tx_hash)
    node.faults.add("POST /", delay(2), where=calls("eth_blockNumber"))
    with pytest.raises(requests.Timeout):
        client.post({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"}, timeout_s=0.2)


def test_nobody_loads_the_machine_who_has_no_chain() -> None:
    """The sandbox's commands and its world come without it: its import takes two seconds."""
    program = "import sandbox.commands, sys; print([name for name in sys.modules if name.split('.')[0] == 'eth'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert EXCHANGE.address != HOST.address
