"""What GCHostPay1 has on record: the ETH that left the wallet, the orders it will not pay, what became of each."""

import threading
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.peers.gchostpay1_tokens import Order


@dataclass(frozen=True)
class Payment:
    """ETH that left the wallet for a batch."""

    batch_conversion_id: str
    cn_api_id: str
    payin_address: str
    amount_eth: Decimal
    tx_hash: str
    paid_at: datetime
    exchange_status: str = "waiting"
    usdt_received: Decimal | None = None
    called_back_at: datetime | None = None


class Ledger:
    """Payments and orders, oldest first; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[Order] = []
        self._refused: dict[str, str] = {}
        self._payments: dict[str, Payment] = {}

    @property
    def orders(self) -> list[Order]:
        """The orders that were taken; a duplicate that is paid again stands twice."""
        with self._lock:
            return list(self._orders)

    @property
    def payments(self) -> list[Payment]:
        """What was paid."""
        with self._lock:
            return list(self._payments.values())

    def take(self, order: Order, *, once: bool) -> bool:
        """Note an order; False when *once* is asked for and the batch has one already."""
        with self._lock:
            if once and any(known.batch_conversion_id == order.batch_conversion_id for known in self._orders):
                return False
            self._orders.append(order)
            return True

    def forget(self, order: Order) -> None:
        """Let the order come again, as if it had not been taken."""
        with self._lock:
            self._orders.remove(order)

    def refuse(self, batch_conversion_id: str, status: str) -> None:
        """Freeze the exchange's status for which an order was refused."""
        with self._lock:
            self._refused.setdefault(batch_conversion_id, status)

    @property
    def refused(self) -> dict[str, str]:
        """The batches whose orders are dead, each with the exchange's status at the time."""
        with self._lock:
            return dict(self._refused)

    def pay(self, payment: Payment) -> None:
        """Note a payment that has been made."""
        with self._lock:
            self._payments[payment.tx_hash] = payment

    def note(self, tx_hash: str, **facts: Any) -> None:
        """Write what became of a payment."""
        with self._lock:
            self._payments[tx_hash] = replace(self._payments[tx_hash], **facts)
