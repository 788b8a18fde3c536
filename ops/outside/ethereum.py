"""Ethereum by JSON-RPC: what a transaction sent, what it cost, and what USDT it moved. Only reading.

The node's address often holds a key, and never stands in a message.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from urllib3.exceptions import HTTPError

from shared.errors import Refused, Unavailable
from shared.outside.timed_http import PASSING, Question, TimedHttp

ETH_DECIMALS: Final = 18
USDT_DECIMALS: Final = 6
TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""keccak-256 of Transfer(address,address,uint256), the first topic of every token's transfer."""
ANSWER_BYTES_MAX: Final = 8 * 1024 * 1024  # a block of some hundred transactions
FINALIZED: Final = "finalized"
ETH_MAX: Final = 10**9  # several times what there is of it

_HEADERS: Final = {"Accept": "application/json"}
_TOPICS: Final = 3
_WORD: Final = r"0x[0-9a-fA-F]{64}"


class NodeUnavailable(Unavailable):
    """The node did not answer as it should; asking again is right."""


class NodeRefused(Refused):
    """The node answered that it cannot: no such method, no such state."""


@dataclass(frozen=True)
class Transfer:
    """Units of a token that a transaction moved, as six decimals read them."""

    token: str
    receiver: str
    amount: Decimal
    log_index: int


@dataclass(frozen=True)
class Receipt:
    """What a transaction in a block came to; addresses and hashes in lower case."""

    tx_hash: str
    block: int
    succeeded: bool
    gas_eth: Decimal
    transfers: tuple[Transfer, ...]


@dataclass(frozen=True)
class Payment:
    """A transaction as it was sent; *block* is None while it waits for one."""

    tx_hash: str
    sender: str
    receiver: str
    amount_eth: Decimal
    block: int | None


class Node:
    """A client of one node; safe for threads. Raises NodeUnavailable, or NodeRefused for an answer that is final."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._http = TimedHttp(timeout_s, answer_bytes_max=ANSWER_BYTES_MAX)

    def chain_id(self) -> int:
        """Read which chain it is."""
        return _number(self._call("eth_chainId"))

    def finalized_block(self) -> int:
        """Read the number of the newest block that cannot be taken back."""
        block = self._call("eth_getBlockByNumber", FINALIZED, False)
        return _number(_member(block, "number"))

    def receipt(self, tx_hash: str) -> Receipt | None:
        """Read what a transaction came to; None for one that is in no block."""
        answer = self._call("eth_getTransactionReceipt", tx_hash)
        if answer is None or _member(answer, "blockNumber") is None:
            return None
        price_wei = _number(_member(answer, "effectiveGasPrice"))
        return Receipt(
            tx_hash=_text(answer, "transactionHash"),
            block=_number(_member(answer, "blockNumber")),
            succeeded=_number(_member(answer, "status")) == 1,
            gas_eth=_eth(_number(_member(answer, "gasUsed")) * price_wei),
            transfers=_transfers(_member(answer, "logs")),
        )

    def payment(self, tx_hash: str) -> Payment | None:
        """Read what a transaction sent; None for one that the node does not know."""
        answer = self._call("eth_getTransactionByHash", tx_hash)
        return None if answer is None else _payment(answer)

    def sent_by(self, address: str, block: int) -> int:
        """Read how many transactions an address had sent by the end of a block."""
        return _number(self._call("eth_getTransactionCount", address, hex(block)))

    def time_of(self, block: int) -> datetime:
        """Read when a block was made."""
        answer = self._call("eth_getBlockByNumber", hex(block), False)
        return datetime.fromtimestamp(_number(_member(answer, "timestamp")), UTC)

    def payments_in(self, block: int) -> list[Payment]:
        """Read the transactions of a block."""
        answer = self._call("eth_getBlockByNumber", hex(block), True)
        return [_payment(each) for each in _member(answer, "transactions")]

    def _call(self, method: str, *parameters: Any) -> Any:
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        try:
            answer = self._http.ask(Question("POST", self._url, _HEADERS, body=call))
        except (HTTPError, TimeoutError) as error:
            raise NodeUnavailable(f"the Ethereum node did not answer {method}: {type(error).__name__}") from None
        return _result(answer.status, answer.text, method)


def _result(status: int, text: bytes, method: str) -> Any:
    """Take the result out of an answer, and tell what the node refuses from trouble."""
    try:
        answer = json.loads(text) if len(text) <= ANSWER_BYTES_MAX else None
    except (ValueError, RecursionError) as error:
        raise NodeUnavailable(f"the Ethereum node answered {method} with {status} and no JSON") from error
    if isinstance(answer, dict) and status == 200 and "result" in answer:
        return answer["result"]
    if not isinstance(answer, dict) or not isinstance(answer.get("error"), dict) or status in PASSING:
        raise NodeUnavailable(f"the Ethereum node answered {method} with {status}")
    raise NodeRefused(f"the Ethereum node refused {method}: {str(answer['error'].get('message'))[:200]}")


def _payment(document: Any) -> Payment:
    block = _member(document, "blockNumber")
    receiver = _member(document, "to")  # none where a contract is made
    return Payment(
        tx_hash=_text(document, "hash"),
        sender=_text(document, "from"),
        receiver=str(receiver).lower() if receiver else "",
        amount_eth=_eth(_number(_member(document, "value"))),
        block=None if block is None else _number(block),
    )


def _transfers(logs: Sequence[Any]) -> tuple[Transfer, ...]:
    """Pick the transfers of tokens out of a receipt's logs; what else contracts make of the word is passed over."""
    found = []
    for log in logs:
        topics = [str(topic).lower() for topic in _member(log, "topics")]
        data = str(_member(log, "data"))
        if len(topics) == _TOPICS and topics[0] == TRANSFER and re.fullmatch(_WORD, data):
            units = int(data, 16)
            receiver = "0x" + topics[2][-40:]
            amount = Decimal(units).scaleb(-USDT_DECIMALS)
            found.append(Transfer(_text(log, "address"), receiver, amount, _number(_member(log, "logIndex"))))
    return tuple(found)


def _eth(wei: int) -> Decimal:
    if wei > ETH_MAX * 10**ETH_DECIMALS:
        raise NodeUnavailable("the Ethereum node told of more ETH than there is")
    return Decimal(wei).scaleb(-ETH_DECIMALS)


def _member(document: Any, name: str) -> Any:
    if not isinstance(document, dict) or name not in document:
        raise NodeUnavailable(f"the Ethereum node gave no {name}")
    return document[name]


def _text(document: Any, name: str) -> str:
    return str(_member(document, name)).lower()


def _number(value: Any) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", value):
        raise NodeUnavailable(f"the Ethereum node gave no number: {str(value)[:80]!r}")
    return int(value, 16)
