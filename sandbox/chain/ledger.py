"""The chain itself: an Ethereum virtual machine that validates and executes, with a block for each transaction."""

import os
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from eth.abc import BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI
from eth.chains.base import MiningChain
from eth.constants import ZERO_ADDRESS, ZERO_HASH32
from eth.db.atomic import AtomicDB
from eth.exceptions import TransactionNotFound
from eth.vm.forks.prague import PragueVM
from eth.vm.spoof import SpoofTransaction
from eth_keys.datatypes import PrivateKey
from eth_typing import Address, BlockNumber, Hash32

from sandbox.chain.accounts import (
    ACCOUNTS,
    ETH_AT_START,
    ETH_DECIMALS,
    EXCHANGE,
    OTHER_TOKEN,
    TOKEN_DECIMALS,
    TOKENS_AT_START,
    USDT,
    Account,
    to_smallest,
)
from sandbox.chain.assembler import TOKEN_SOURCE, assemble
from sandbox.changenow.coins import Arrival

CHAIN_ID: Final = 1  # Ethereum's own, so that what asks for it needs no other setting here
BLOCK_GAS: Final = 30_000_000
PRIORITY_FEE_WEI: Final = 100_000_000
FEE_MAX_WEI: Final = 10_000_000_000


@dataclass(frozen=True)
class Mined:
    """A transaction in its block, with what it came to."""

    transaction: SignedTransactionAPI
    sender: str
    receipt: ReceiptAPI
    header: BlockHeaderAPI
    index: int
    gas_used: int


class Ledger:
    """Blocks, balances and receipts; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._keys = {account.address: PrivateKey(account.key.to_bytes(32, "big")) for account in ACCOUNTS}
        self._chain = _new_chain()
        self._waiting: list[SignedTransactionAPI] = []
        self._senders: dict[bytes, str] = {}  # by hash: to find one out by its signature takes ten milliseconds
        self._arrivals: dict[str, list[Arrival]] = defaultdict(list)
        self.mines = True
        """Whether a transaction is in a block at once; otherwise it waits until mine()."""

    def send(self, sender: str, receiver: str, *, value_wei: int = 0, data: bytes = b"", gas: int) -> str:
        """Sign and send a transaction of one of our accounts, and return its hash; KeyError for another's."""
        with self._lock:
            sender = sender.lower()
            key = self._keys[sender]
            builder: Any = self._chain.get_vm().get_transaction_builder()
            unsigned = builder.new_unsigned_dynamic_fee_transaction(
                chain_id=CHAIN_ID,
                nonce=self._next_nonce(sender),
                max_priority_fee_per_gas=PRIORITY_FEE_WEI,
                max_fee_per_gas=FEE_MAX_WEI,
                gas=gas,
                to=to_bytes(receiver),
                value=value_wei,
                data=data,
                access_list=(),
            )
            signed: SignedTransactionAPI = unsigned.as_signed_transaction(key)
            self._senders[signed.hash] = sender
            self._waiting.append(signed)
            if self.mines:
                self.mine()
            return f"0x{signed.hash.hex()}"

    def mine(self) -> None:
        """Put what waits into one block."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            for signed in waiting:
                self._chain.apply_transaction(signed)
            parent = self._chain.get_canonical_head()
            self._chain.mine_block(mix_hash=os.urandom(32), timestamp=max(int(time.time()), parent.timestamp + 1))
            for signed in waiting:
                self._note_arrival(signed)

    def arrivals(self, address: str) -> list[Arrival]:
        """The ETH that reached an address, oldest first."""
        with self._lock:
            return list(self._arrivals[address.lower()])

    def mined(self, tx_hash: bytes) -> Mined | None:
        """A transaction that is in a block; None for any other."""
        with self._lock:
            try:
                number, index = self._chain.chaindb.get_transaction_index(Hash32(tx_hash))
            except TransactionNotFound:
                return None
            receipt = self._receipt(number, index)
            before = self._receipt(number, index - 1).gas_used if index else 0
            transaction = self._chain.get_canonical_transaction_by_index(number, index)
            header = self._chain.get_canonical_block_header_by_number(number)
            return Mined(transaction, self.sender(transaction), receipt, header, index, receipt.gas_used - before)

    def waiting(self, tx_hash: bytes) -> SignedTransactionAPI | None:
        """A transaction that is sent and in no block yet."""
        with self._lock:
            return next((signed for signed in self._waiting if signed.hash == tx_hash), None)

    def sender(self, signed: SignedTransactionAPI) -> str:
        """Who sent a transaction."""
        return self._senders[signed.hash]

    def transactions(self, number: int) -> list[Mined]:
        """What is in a block."""
        with self._lock:
            block = self._chain.get_canonical_block_by_number(BlockNumber(number))
            found = [self.mined(transaction.hash) for transaction in block.transactions]
            return [each for each in found if each is not None]

    def header(self, number: int) -> BlockHeaderAPI | None:
        """A block's header; None for one that is not there yet."""
        with self._lock:
            if number > self.newest:
                return None
            return self._chain.get_canonical_block_header_by_number(BlockNumber(number))

    @property
    def newest(self) -> int:
        """The number of the newest block."""
        with self._lock:
            return self._chain.get_canonical_head().block_number

    def nonce(self, address: str, number: int) -> int:
        """How many transactions an account had sent by the end of a block."""
        with self._lock:
            return int(self._state(number).get_nonce(to_bytes(address)))

    def balance_wei(self, address: str, number: int) -> int:
        """What an account held at the end of a block."""
        with self._lock:
            return int(self._state(number).get_balance(to_bytes(address)))

    def token_balance(self, token: str, holder: str) -> int:
        """How many units of a token somebody holds."""
        with self._lock:
            return int(self._state(self.newest).get_storage(to_bytes(token), int(holder, 16)))

    def call(self, sender: str, receiver: str, data: bytes) -> bytes:
        """What a contract would return, without a transaction."""
        with self._lock:
            builder: Any = self._chain.get_vm().get_transaction_builder()
            unsigned = builder.create_unsigned_transaction(
                nonce=0, gas_price=0, gas=BLOCK_GAS, to=to_bytes(receiver), value=0, data=data
            )
            spoofed: Any = SpoofTransaction(unsigned, from_=to_bytes(sender))
            return self._chain.get_transaction_result(spoofed, self._chain.get_canonical_head())

    def _receipt(self, number: BlockNumber, index: int) -> ReceiptAPI:
        decoder = self._chain.get_vm().get_receipt_builder()
        return self._chain.chaindb.get_receipt_by_index(number, index, decoder)

    def _state(self, number: int) -> Any:
        return self._chain.get_vm(self._chain.get_canonical_block_header_by_number(BlockNumber(number))).state

    def _next_nonce(self, sender: str) -> int:
        return self.nonce(sender, self.newest) + sum(self.sender(signed) == sender for signed in self._waiting)

    def _note_arrival(self, signed: SignedTransactionAPI) -> None:
        mined = self.mined(signed.hash)
        if mined is not None and signed.value and mined.receipt.state_root == b"\x01":
            amount_eth = Decimal(signed.value).scaleb(-ETH_DECIMALS)
            self._arrivals["0x" + signed.to.hex()].append(Arrival("0x" + signed.hash.hex(), amount_eth))


def to_bytes(address: str) -> Address:
    """An address as the machine has it."""
    return Address(bytes.fromhex(address.removeprefix("0x")))


def _new_chain() -> MiningChain:
    """A chain at its first block, by the rules of Ethereum's Prague."""
    kind = MiningChain.configure("SandboxChain", chain_id=CHAIN_ID, vm_configuration=((0, PragueVM),))
    first: dict[str, Any] = {
        "coinbase": ZERO_ADDRESS,
        "difficulty": 0,
        "extra_data": b"",
        "gas_limit": BLOCK_GAS,
        "mix_hash": ZERO_HASH32,
        "nonce": b"\0" * 8,
        "timestamp": int(time.time()) - 1,
    }
    code = assemble(TOKEN_SOURCE.read_text())
    holdings = {int(EXCHANGE.address, 16): to_smallest(TOKENS_AT_START, TOKEN_DECIMALS)}
    state: dict[Any, Any] = {
        **{to_bytes(account.address): _account(account) for account in ACCOUNTS},
        **{to_bytes(token): _contract(code, holdings) for token in (USDT, OTHER_TOKEN)},
    }
    chain = kind.from_genesis(AtomicDB(), first, state)
    assert isinstance(chain, MiningChain)
    return chain


def _account(_: Account) -> dict[str, Any]:
    return {"balance": to_smallest(ETH_AT_START, ETH_DECIMALS), "nonce": 0, "code": b"", "storage": {}}


def _contract(code: bytes, holdings: dict[int, int]) -> dict[str, Any]:
    return {"balance": 0, "nonce": 1, "code": code, "storage": holdings}
