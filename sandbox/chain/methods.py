"""What the node answers, method by method; a parameter that is none is refused as a real node refuses it."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from sandbox.chain.accounts import ACCOUNTS
from sandbox.chain.documents import block_document, data, quantity, receipt_document, transaction_document
from sandbox.chain.ledger import CHAIN_ID, Ledger

NO_SUCH_METHOD: Final = -32601
BAD_PARAMETERS: Final = -32602
REFUSED: Final = -32000
PLAIN_TRANSFER_GAS: Final = 21_000
ZERO: Final = "0x" + "00" * 20
_NEWEST: Final = ("latest", "safe", "finalized", "pending")  # a block is final here as soon as it is made


class RpcError(Exception):
    """A call that is answered with an error object."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def answer(ledger: Ledger, method: str, parameters: Sequence[Any]) -> Any:
    """The result of one call; raises RpcError."""
    if method not in METHODS:
        raise RpcError(NO_SUCH_METHOD, f"the method {method} does not exist/is not available")
    try:
        return METHODS[method](ledger, *parameters)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise RpcError(BAD_PARAMETERS, f"invalid argument: {error}") from error


def _transaction(ledger: Ledger, tx_hash: str) -> Any:
    wanted = _bytes(tx_hash, 32)
    mined, waiting = ledger.mined(wanted), ledger.waiting(wanted)
    if mined is not None:
        return transaction_document(mined.transaction, mined.sender, mined)
    return None if waiting is None else transaction_document(waiting, ledger.sender(waiting), None)


def _receipt(ledger: Ledger, tx_hash: str) -> Any:
    mined = ledger.mined(_bytes(tx_hash, 32))
    return None if mined is None else receipt_document(mined)


def _block(ledger: Ledger, at: str, with_transactions: bool) -> Any:
    header = ledger.header(_number(ledger, at))
    if header is None:
        return None
    inside = ledger.transactions(header.block_number)
    if with_transactions:
        return block_document(header, [transaction_document(each.transaction, each.sender, each) for each in inside])
    return block_document(header, [data(each.transaction.hash) for each in inside])


def _send(ledger: Ledger, wanted: dict[str, str]) -> str:
    """Sign with the sender's key, which the node of a sandbox holds, and send."""
    return ledger.send(
        wanted["from"],
        wanted["to"],
        value_wei=int(wanted.get("value", "0x0"), 16),
        data=_code(wanted.get("data", "0x")),
        gas=int(wanted.get("gas", quantity(PLAIN_TRANSFER_GAS)), 16),
    )


def _number(ledger: Ledger, at: str) -> int:
    if at in _NEWEST:
        return ledger.newest
    return 0 if at == "earliest" else int(at, 16)


def _existing(ledger: Ledger, at: str) -> int:
    number = _number(ledger, at)
    if number > ledger.newest:
        raise RpcError(REFUSED, "header not found")
    return number


def _code(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _bytes(text: str, length: int) -> bytes:
    if not re.fullmatch(f"0x[0-9a-fA-F]{{{2 * length}}}", text):
        raise ValueError(f"{text} is not {length} bytes in hexadecimal")
    return bytes.fromhex(text[2:])


METHODS: Final[dict[str, Callable[..., Any]]] = {
    "eth_accounts": lambda _: [account.address for account in ACCOUNTS],
    "eth_blockNumber": lambda ledger: quantity(ledger.newest),
    "eth_call": lambda ledger, call, _: data(ledger.call(call.get("from", ZERO), call["to"], _code(call["data"]))),
    "eth_chainId": lambda _: quantity(CHAIN_ID),
    "eth_getBalance": lambda ledger, who, at: quantity(ledger.balance_wei(who, _existing(ledger, at))),
    "eth_getBlockByNumber": _block,
    "eth_getTransactionByHash": _transaction,
    "eth_getTransactionCount": lambda ledger, who, at: quantity(ledger.nonce(who, _existing(ledger, at))),
    "eth_getTransactionReceipt": _receipt,
    "eth_sendTransaction": _send,
}
