"""A batch as it stands in the database."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple


class Batch(NamedTuple):
    """A row of batch_conversions; instants are aware UTC."""

    batch_conversion_id: uuid.UUID
    total_usd: Decimal
    status: str
    reason: str | None
    payments: int | None
    amount_eth: Decimal | None
    quoted_usdt: Decimal | None
    quoted_at: datetime | None
    cn_api_id: str | None
    payin_address: str | None
    exchange_made_at: datetime | None
    order_prepared_at: datetime | None
    task_enqueued_at: datetime | None
    received_usdt: Decimal | None
    tx_hash: str | None
    settled_by: str | None
    accepted_usdt: Decimal | None
    exchange_status: str | None
    questions_failed: int
    deposit_lost_at: datetime | None
    late_usdt: Decimal | None
    stuck_reported_at: datetime | None
    created_at: datetime

    @property
    def is_perhaps_ordered(self) -> bool:
        """Whether an order may be out: the intent is on record before it leaves."""
        return self.order_prepared_at is not None or self.task_enqueued_at is not None

    @property
    def waiting_since(self) -> datetime:
        """Since when it stands as it does: since its order, else since it was opened."""
        return self.task_enqueued_at or self.order_prepared_at or self.created_at

    @property
    def labels(self) -> dict[str, Any]:
        """What a line names a batch by."""
        return {"batch_conversion_id": self.batch_conversion_id, "cn_api_id": self.cn_api_id}

    @property
    def facts(self) -> dict[str, Any]:
        """What log lines and events tell of a batch."""
        return {
            "batch_conversion_id": self.batch_conversion_id,
            "total_usd": self.total_usd,
            "payments": self.payments,
            "amount_eth": self.amount_eth,
            "quoted_usdt": self.quoted_usdt,
            "cn_api_id": self.cn_api_id,
            "payin_address": self.payin_address,
            "reason": self.reason,
        }
