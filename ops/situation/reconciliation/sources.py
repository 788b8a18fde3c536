"""ChangeNow and the chain, asked at a bounded pace; one that does not answer several times in a row is away."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from ops.outside.ethereum import Node, NodeRefused
from ops.outside.exchange_list import ExchangeList, Listed
from ops.situation.reconciliation.accounts import OnChain, OurBatch, Sighting, same_hash
from ops.situation.reconciliation.comparison import Wallet
from shared.errors import ExchangeRefused, Unavailable
from shared.model.exchange import ExchangeState
from shared.outside.changenow import ChangeNow

T = TypeVar("T")

QUESTIONS_PER_S: Final = 25  # ChangeNow takes 30 from all that have the key; the functions ask as well
FAILURES_MAX: Final = 10  # in a row; more than are asked at once


class SourceAway(Unavailable):
    """One of the others has not answered several times in a row, and is asked no more in this run."""


@dataclass
class Line:
    """The line to one of the others; safe for threads."""

    name: str
    per_s: float | None = None
    failures: int = 0
    _next_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_away(self) -> bool:
        """Whether it is asked no more."""
        return self.failures >= FAILURES_MAX

    def ask(self, question: Callable[[], T]) -> T:
        """Ask in one's turn; raises Unavailable where no answer came."""
        if self.is_away:
            raise SourceAway(f"{self.name} does not answer")
        self._take_turn()
        try:
            answer = question()
        except Unavailable:
            self.failures += 1
            raise
        except Exception:
            self.failures = 0  # it refuses, so it is there
            raise
        self.failures = 0
        return answer

    def give_up(self) -> None:
        """Ask no more."""
        self.failures = FAILURES_MAX

    def _take_turn(self) -> None:
        if self.per_s is None:
            return
        with self._lock:
            at = max(self._next_at, time.monotonic())
            self._next_at = at + 1 / self.per_s
        time.sleep(max(0.0, at - time.monotonic()))


@dataclass
class Sources:
    """The two others, and where payouts have to arrive; without *node* the chain is not asked."""

    exchange: ChangeNow
    exchanges: ExchangeList
    node: Node | None
    wallet: Wallet
    payer: str
    """The host wallet's address, in lower case: deposits leave it."""
    to_changenow: Line = field(default_factory=lambda: Line("ChangeNow", QUESTIONS_PER_S))
    to_chain: Line = field(default_factory=lambda: Line("the Ethereum node"))

    def ask_changenow(self, cn_api_id: str) -> ExchangeState | None:
        """Ask about an exchange; None where ChangeNow knows none of that id."""
        try:
            return self.to_changenow.ask(lambda: self.exchange.get_exchange(cn_api_id))
        except ExchangeRefused as refusal:
            if refusal.is_not_found:
                return None
            raise Unavailable(f"ChangeNow does not tell of {cn_api_id}: {refusal.code}") from refusal

    def list_exchanges(self, since: datetime, until: datetime | None, offset: int) -> Sequence[Listed]:
        """Read a page of ChangeNow's list; raises ListRefused where the key may not."""
        return self.to_changenow.ask(lambda: self.exchanges.read_page(since, until, offset))

    def finalized_block(self) -> int:
        """Ask which block is the newest that stays."""
        return self.ask_chain(Node.finalized_block)

    def look(self, ours: OurBatch, state: ExchangeState | None, finalized: int) -> OnChain:
        """Look for the transactions of a batch that anybody names."""
        named = (state.payin_hash if state else None, ours.payin_hash, ours.tx_hash)
        deposit = next(filter(None, map(same_hash, named)), None)
        payout = same_hash(state.payout_hash) if state and state.is_finished else None
        refund = same_hash(state.refund_hash) if state and state.is_refunded else None
        return OnChain(
            deposit=self._sight(deposit, finalized) if deposit else None,
            payout=self._sight(payout, finalized, is_amount_wanted=False) if payout else None,
            refund=self._sight(refund, finalized) if refund else None,
        )

    def ask_chain(self, question: Callable[[Node], T]) -> T:
        """Ask the node; raises Unavailable, also for what it refuses."""
        node = self.node
        assert node is not None, "the chain is asked only where there is a node"
        try:
            return self.to_chain.ask(lambda: question(node))
        except NodeRefused as refusal:
            raise Unavailable(str(refusal)) from refusal

    def _sight(self, tx_hash: str, finalized: int, *, is_amount_wanted: bool = True) -> Sighting:
        """Look for one transaction; where only its logs count, what it sent tells no more than that it waits."""
        receipt = self.ask_chain(lambda node: node.receipt(tx_hash))
        payment = None
        if is_amount_wanted or receipt is None:
            payment = self.ask_chain(lambda node: node.payment(tx_hash))
        return Sighting(tx_hash, payment, receipt, is_final=receipt is not None and receipt.block <= finalized)
