"""Deposits that ended without a payout, and when they stop new batches."""

from datetime import datetime, timedelta
from typing import Final

from tests.simulation.model.levers import Policy
from tests.simulation.model.situation import Row, Situation

COUNTED_FOR: Final = timedelta(hours=24)


def count_lost(situation: Situation, reset_at: datetime) -> list[Row]:
    """The batches whose deposits were lost since somebody reset the breaker."""
    return [
        batch
        for batch in situation.batches
        if batch["status"] == "failed"
        and batch["late_usdt"] is None
        and batch["deposit_lost_at"] is not None
        and batch["deposit_lost_at"] > reset_at
    ]


def is_open(after: Situation, reset_at: datetime) -> bool:
    """Whether nothing new may be opened: too many deposits lost within a day, or one whose ETH did not come back."""
    limit = (after.policy or Policy()).max_lost_deposits
    lost = count_lost(after, reset_at)
    recent = [batch for batch in lost if batch["deposit_lost_at"] > after.now - COUNTED_FOR]
    is_too_often = limit is not None and len(recent) >= limit
    return is_too_often or any("refunded" not in (batch["failure_reason"], batch["exchange_status"]) for batch in lost)
