"""A history of finished batches whose ETH and USDT really moved on a chain, with what may be wrong with one of them."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.chain.accounts import HOST
from sandbox.chain.node import ChainNode
from sandbox.chain.treasury import PayoutFault, Treasury
from sandbox.changenow.exchange import Exchange, Schedule
from sandbox.changenow.market import ETH_TO_USDT, Market
from tests.rig import WALLET_USDT, Rig

ETH = Decimal("0.01000000")
AT_ONCE = Schedule(confirming_s=0, exchanging_s=0, sending_s=0)
# Past the rules of a batch's life: these rows are what such a life leaves.
UNGUARDED = "SET session_replication_role = replica"
GUARDED = "SET session_replication_role = origin"
BATCH = """
INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, cn_api_id, payin_address,
    conversion_status, actual_usdt_received, conversion_tx_hash, created_at, opened_because, payments_count,
    amount_eth, order_prepared_at, task_enqueued_at, deposit_eth, payin_hash, deposit_lost_at, late_usdt_received,
    late_seen_at, settled_by, failure_reason, completed_at)
VALUES (%s, 30, 20, %s, %s, %s, %s, %s, %s, 'threshold_reached', 1, 0.01, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True)
class Swap:
    """A batch with its exchange."""

    batch_conversion_id: uuid.UUID
    exchange: Exchange

    @property
    def name(self) -> str:
        """The batch's id as documents write it."""
        return str(self.batch_conversion_id)


class History:
    """Makes swaps one after the other; ChangeNow's coins are on the node's chain."""

    def __init__(self, rig: Rig, node: ChainNode) -> None:
        self.rig = rig
        self.node = node
        self.changenow = rig.peers.exchange
        self.treasury = Treasury(node.ledger)
        self.changenow.coins = self.treasury
        self.changenow.schedule = AT_ONCE
        self.changenow.market = Market(eth_price_usd=Decimal(3000), slippage_pct=Decimal(0))

    def complete(
        self, fault: PayoutFault | None = None, *, deposits: int = 1, age: timedelta = timedelta(), **facts: Any
    ) -> Swap:
        """A batch that was completed with what ChangeNow says it paid out."""
        self.treasury.next_fault = fault
        exchange = self._pay(deposits)
        assert exchange.status == "finished"
        return self._keep(
            exchange,
            age,
            **{
                "status": "completed",
                "received_usdt": exchange.amount_to,
                "tx_hash": _deposit(exchange),
                "deposit_eth": exchange.amount_from,
                "payin_hash": _deposit(exchange),
                "settled_by": "callback",
            }
            | facts,
        )

    def fail(self, *, ends_as: str, paid: bool = True, age: timedelta = timedelta(), **facts: Any) -> Swap:
        """A batch that was given up; by default with a deposit that is on record as lost."""
        self.changenow.schedule = Schedule.by_hand()
        exchange = self._pay(1 if paid else 0)
        getattr(self.changenow, {"failed": "fail", "refunded": "refund", "expired": "expire"}[ends_as])(exchange.id)
        self.changenow.schedule = AT_ONCE
        exchange = self.changenow.exchange(exchange.id)
        known: dict[str, Any] = {"failure_reason": ends_as, "status": "failed"}
        if paid:
            now = self.rig.clock().replace(tzinfo=None)
            known |= {"deposit_eth": exchange.amount_from, "payin_hash": _deposit(exchange), "deposit_lost_at": now}
        return self._keep(exchange, age, **known | facts)

    def pay_foreign(self, *, deposits: int = 1, payout_address: str = WALLET_USDT) -> Exchange:
        """An exchange made with our key that no batch of ours knows."""
        return self._pay(deposits, payout_address)

    def revive(self, swap: Swap, fault: PayoutFault | None = None) -> Exchange:
        """Let ChangeNow pay out after all."""
        self.treasury.next_fault = fault
        self.changenow.revive(swap.exchange.id)
        return self.changenow.exchange(swap.exchange.id)

    def _pay(self, deposits: int, payout_address: str = WALLET_USDT) -> Exchange:
        exchange = self.changenow.open_exchange(ETH_TO_USDT, ETH, payout_address, HOST.address)
        self.changenow.exchange(exchange.id)
        for _ in range(deposits):
            self.node.ledger.send(HOST.address, exchange.payin_address, value_wei=int(ETH.scaleb(18)), gas=21_000)
        return self.changenow.exchange(exchange.id)

    def _keep(self, exchange: Exchange, age: timedelta, **facts: Any) -> Swap:
        batch, at = uuid.uuid4(), _naive(self.rig.clock() - age)
        late = facts.get("late_usdt")
        self.rig.sql(UNGUARDED)
        self.rig.sql(
            BATCH,
            batch,
            exchange.id,
            exchange.payin_address,
            facts["status"],
            facts.get("received_usdt"),
            facts.get("tx_hash"),
            at,
            at,
            at,
            facts.get("deposit_eth"),
            facts.get("payin_hash"),
            facts.get("deposit_lost_at"),
            late,
            None if late is None else at,
            facts.get("settled_by"),
            facts.get("failure_reason"),
            at if facts["status"] == "completed" else None,
        )
        self.rig.sql(GUARDED)
        return Swap(batch, exchange)


def _deposit(exchange: Exchange) -> str | None:
    return exchange.deposits[0].tx_hash if exchange.deposits else None


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
