"""Rows as lists show them: what is derived from a statement's rows, and the columns with their headings."""

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from ops.command_line.text import age
from shared.outside.database import Row

STATUSES: Final = ("pending", "swapping", "completed", "failed")
BATCHES: Final = {
    "number": "#",
    "short_id": "batch",
    "status": "status",
    "payments": "payments",
    "total_usd": "dollars",
    "received_usdt": "USDT received",
    "created_at": "opened",
    "took": "took",
    "settled_by": "settled by",
    "exchange_status": "ChangeNow says",
    "failure_reason": "failed because",
}
CHECKS: Final = {
    "id": "check",
    "checked_at": "at",
    "gap": "after",
    "reason": "reason",
    "pending_usd": "pending $",
    "pending_payments": "payments",
    "threshold_usd": "threshold $",
    "threshold_source": "from",
    "batches_opened": "opened",
}
CHECKS_BY_REASON: Final = {
    "reason": "reason",
    "checks": "checks",
    "last_at": "last at",
    "pending_usd_max": "pending $ up to",
    "threshold_usd_max": "threshold $ up to",
    "batches_opened": "opened",
}
HELD: Final = {
    "id": "payment",
    "client_id": "client",
    "amount_usd": "dollars",
    "payment_amount_usd": "paid $",
    "created_at": "came in",
    "reason": "held because",
}
PENDING: Final = {
    "id": "payment",
    "client_id": "client",
    "amount_usd": "dollars",
    "known_eth": "ETH",
    "usd_per_eth": "$ an ETH",
    "created_at": "came in",
}
ACTS: Final = {"acted_at": "at", "act": "act", "by_whom": "by", "on": "on", "why": "why"}


def show_batches(rows: Sequence[Row]) -> list[Row]:
    """Batches with the beginning of their id and the time from their opening to their end."""
    return [row | {"short_id": str(row["batch_conversion_id"])[:8], "took": _took(row)} for row in rows]


def show_checks(rows: Sequence[Row]) -> list[Row]:
    """Checks, newest first and none left out, with the time since the one before."""
    gaps = [*(age(newer["checked_at"] - older["checked_at"]) for newer, older in pairwise(rows)), None]
    return [row | {"gap": gap} for row, gap in zip(rows, gaps, strict=False)]


def read_held(rows: Sequence[Row]) -> list[Row]:
    """Payments that are held, the time they came in as an instant; one that no calendar has stays a text."""
    return [row | {"created_at": _instant(row["created_at"])} for row in rows]


def read_details(rows: Sequence[Row]) -> list[Row]:
    """Acts with their detail as a document."""
    return [row | {"detail": json.loads(row["detail"] or "null")} for row in rows]


def show_acts(acts: Sequence[Row]) -> list[Row]:
    """Acts as read_details() gives them, with what they were about."""
    return [act | {"on": _subject(act)} for act in acts]


def _instant(written: str | None) -> datetime | str | None:
    try:
        return datetime.fromisoformat(written) if written else None
    except ValueError:
        return written


def _took(batch: Row) -> str | None:
    if batch["completed_at"] is None or batch["created_at"] is None:
        return None
    return age(batch["completed_at"] - batch["created_at"])


def _subject(act: Row) -> str | None:
    """What an act was about: a batch, a payment, or a lever's new value."""
    if act["batch_conversion_id"] is not None:
        return f"batch {str(act['batch_conversion_id'])[:8]}"
    detail: dict[str, Any] = act["detail"] if isinstance(act["detail"], dict) else {}
    if "payment_id" in detail:
        return f"payment {detail['payment_id']}"
    return str(detail["new"]) if "new" in detail else None
