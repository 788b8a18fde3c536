"""Transactions, receipts and blocks as a node's JSON-RPC writes them: hexadecimal quantities, no leading zeros."""

from typing import Any, Final

from eth.abc import BlockHeaderAPI, LogAPI, SignedTransactionAPI

from sandbox.chain.ledger import CHAIN_ID, Mined

TYPE: Final = "0x2"  # EIP-1559
SUCCESS: Final = b"\x01"
WORD_BYTES: Final = 32


def quantity(number: int) -> str:
    """A number."""
    return hex(number)


def data(content: bytes) -> str:
    """Bytes, an address or a hash."""
    return "0x" + content.hex()


def transaction_document(signed: SignedTransactionAPI, sender: str, mined: Mined | None) -> dict[str, Any]:
    """A transaction; without *mined* it waits, and is in no block."""
    return {
        "type": TYPE,
        "chainId": quantity(CHAIN_ID),
        "hash": data(signed.hash),
        "nonce": quantity(signed.nonce),
        "from": sender,
        "to": data(signed.to),
        "value": quantity(signed.value),
        "gas": quantity(signed.gas),
        "input": data(signed.data),
        "maxFeePerGas": quantity(signed.max_fee_per_gas),
        "maxPriorityFeePerGas": quantity(signed.max_priority_fee_per_gas),
        "gasPrice": quantity(_price(mined) if mined else signed.max_fee_per_gas),
        **_place(mined),
    }


def receipt_document(mined: Mined) -> dict[str, Any]:
    """What a transaction came to: its gas and its price, its logs, and whether it was carried out."""
    signed, receipt = mined.transaction, mined.receipt
    return {
        "type": TYPE,
        "transactionHash": data(signed.hash),
        "from": mined.sender,
        "to": data(signed.to),
        "contractAddress": None,
        "status": quantity(receipt.state_root == SUCCESS),
        "gasUsed": quantity(mined.gas_used),
        "cumulativeGasUsed": quantity(receipt.gas_used),
        "effectiveGasPrice": quantity(_price(mined)),
        "logs": [_log_document(mined, log, position) for position, log in enumerate(receipt.logs)],
        **_place(mined),
    }


def block_document(header: BlockHeaderAPI, transactions: list[Any]) -> dict[str, Any]:
    """A block, its transactions as hashes or as documents."""
    return {
        "number": quantity(header.block_number),
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "timestamp": quantity(header.timestamp),
        "gasUsed": quantity(header.gas_used),
        "gasLimit": quantity(header.gas_limit),
        "baseFeePerGas": quantity(base_fee(header)),
        "transactions": transactions,
    }


def base_fee(header: BlockHeaderAPI) -> int:
    """What each unit of gas costs in a block, besides the tip."""
    return header.base_fee_per_gas or 0


def _price(mined: Mined) -> int:
    """What a unit of gas cost: the block's fee and the tip, where the sender's limit leaves room for all of it."""
    signed = mined.transaction
    fee = base_fee(mined.header)
    return fee + min(signed.max_priority_fee_per_gas, signed.max_fee_per_gas - fee)


def _place(mined: Mined | None) -> dict[str, Any]:
    if mined is None:
        return {"blockHash": None, "blockNumber": None, "transactionIndex": None}
    return {
        "blockHash": data(mined.header.hash),
        "blockNumber": quantity(mined.header.block_number),
        "transactionIndex": quantity(mined.index),
    }


def _log_document(mined: Mined, log: LogAPI, position: int) -> dict[str, Any]:
    return {
        "address": data(log.address),
        "topics": [data(topic.to_bytes(WORD_BYTES, "big")) for topic in log.topics],
        "data": data(log.data),
        "logIndex": quantity(position),
        "transactionHash": data(mined.transaction.hash),
        "removed": False,
        **_place(mined),
    }
