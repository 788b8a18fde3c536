"""The token is USDT's shape: six decimals, a transfer that returns nothing, an event, no overdraft."""

import pytest

from sandbox.chain.accounts import EXCHANGE, HOST, OTHER_TOKEN, USDT
from sandbox.chain.assembler import TOKEN_SOURCE, assemble
from tests.sandbox.chain.conftest import Client

TRANSFER = "0xa9059cbb"
BALANCE_OF = "0x70a08231"
DECIMALS = "0x313ce567"
EVENT = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
RECEIVER = "0x" + "a0" * 20
GAS = hex(100_000)


def word(value: str | int) -> str:
    """An argument as it is encoded, without 0x."""
    return f"{int(value, 16) if isinstance(value, str) else value:064x}"


def transfer(client: Client, sender: str, value: int, token: str = USDT) -> dict[str, str]:
    """What a client sends to move units."""
    return {"from": sender, "to": token, "gas": GAS, "data": TRANSFER + word(RECEIVER) + word(value)}


def balance(client: Client, holder: str, token: str = USDT) -> int:
    """The units that somebody holds, by the token's own word."""
    return int(client.ask("eth_call", {"to": token, "data": BALANCE_OF + word(holder)}, "latest"), 16)


def test_a_transfer_moves_units_and_tells_of_it(client: Client) -> None:
    """What leaves one arrives at the other, twice the second time, and the receipt's log says so."""
    before = balance(client, EXCHANGE.address)
    hashes = [client.ask("eth_sendTransaction", transfer(client, EXCHANGE.address, 48_500_000)) for _ in range(2)]
    assert balance(client, RECEIVER) == 97_000_000
    assert balance(client, EXCHANGE.address) == before - 97_000_000
    receipt = client.ask("eth_getTransactionReceipt", hashes[1])
    assert receipt["status"] == "0x1"
    (log,) = receipt["logs"]
    assert log["address"] == USDT
    assert log["topics"] == [EVENT, "0x" + word(EXCHANGE.address), "0x" + word(RECEIVER)]
    assert int(log["data"], 16) == 48_500_000


def test_a_transfer_returns_nothing(client: Client) -> None:
    """USDT's does not, where ERC-20 says a boolean; it has six decimals."""
    assert client.ask("eth_call", transfer(client, EXCHANGE.address, 1), "latest") == "0x"
    assert int(client.ask("eth_call", {"to": USDT, "data": DECIMALS}, "latest"), 16) == 6


def test_nobody_sends_more_than_there_is(client: Client) -> None:
    """The transaction is in a block, failed, and moved nothing."""
    tx_hash = client.ask("eth_sendTransaction", transfer(client, HOST.address, 1))
    receipt = client.ask("eth_getTransactionReceipt", tx_hash)
    assert (receipt["status"], receipt["logs"]) == ("0x0", [])
    assert balance(client, RECEIVER) == 0


def test_the_other_token_is_another_one(client: Client) -> None:
    """The same code at another address keeps balances of its own."""
    client.ask("eth_sendTransaction", transfer(client, EXCHANGE.address, 5, OTHER_TOKEN))
    assert (balance(client, RECEIVER, OTHER_TOKEN), balance(client, RECEIVER)) == (5, 0)


def test_an_unknown_method_is_refused(client: Client) -> None:
    """A token does nothing that it does not know."""
    call = {"from": EXCHANGE.address, "to": USDT, "gas": GAS, "data": "0x12345678"}
    tx_hash = client.ask("eth_sendTransaction", call)
    assert client.ask("eth_getTransactionReceipt", tx_hash)["status"] == "0x0"


@pytest.mark.parametrize("line", ["ADDD", "PUSH1", "ADD 0x01", "PUSH1 0x01 0x02"])
def test_what_is_no_instruction_is_refused(line: str) -> None:
    """A slip in the source is found where it is, not where it runs."""
    with pytest.raises(ValueError, match=line):
        assemble(line)


def test_labels_are_places() -> None:
    """A jump goes to the byte at which its label stands, before and after it."""
    assert assemble("PUSH2 @end ; forward\nJUMP\nstart: JUMPDEST\nend:   JUMPDEST\nPUSH2 @start") == bytes.fromhex(
        "610005565b5b610004"
    )
    assert len(assemble(TOKEN_SOURCE.read_text())) < 256
