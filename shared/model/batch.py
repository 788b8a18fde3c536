"""A batch as it stands in the database."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Batch:
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
    amount_accepted_at: datetime | None
    stuck_reported_at: datetime | None
    created_at: datetime

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
            "reason": self.reason,
        }
