"""What a check saw before it decided, on record: one row in threshold_checks and one log line a check."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared import logs
from shared.model.decision import Pending
from shared.model.money import dollars
from shared.model.policy import Policy, Threshold, policy_text
from shared.model.reasons import Reason
from shared.outside.database import Queries, Session, Transaction


@dataclass(frozen=True)
class Snapshot:
    """What waited, and what the operators had set, at one instant (aware UTC)."""

    pending: Pending
    threshold: Threshold
    policy: Policy
    now: datetime

    @property
    def oldest_age_s(self) -> int:
        """How long the oldest pending payment has waited, in whole seconds."""
        return int(self.pending.oldest_age(self.now).total_seconds())

    @property
    def row(self) -> dict[str, Any]:
        """The snapshot as columns of threshold_checks."""
        return {
            "pending_usd": self.pending.pending_usd,
            "pending_payments": self.pending.payments,
            "oldest_at": self.pending.oldest_at,
            "oldest_age_s": self.oldest_age_s,
            "unclaimable_payments": self.pending.unclaimable_payments,
            "threshold_usd": self.threshold.threshold_usd,
            "threshold_source": self.threshold.source,
            "policy": policy_text(self.policy),
        }

    @property
    def fields(self) -> dict[str, Any]:
        """The snapshot as fields of a log line."""
        return {
            "pending_usd": self.pending.pending_usd,
            "pending_payments": self.pending.payments,
            "oldest_pending_age_s": self.oldest_age_s,
            "threshold_usd": self.threshold.threshold_usd,
        }

    def describe(self, relation: str) -> str:
        """Say how the pending total stands to the threshold, as the architecture document words it."""
        pending, threshold = dollars(self.pending.pending_usd), dollars(self.threshold.threshold_usd)
        return f"Total pending ({pending}) {relation} Threshold ({threshold})"


_NOTHING_SEEN: Final = dict.fromkeys(
    (
        "pending_usd",
        "pending_payments",
        "oldest_at",
        "oldest_age_s",
        "unclaimable_payments",
        "threshold_usd",
        "threshold_source",
        "policy",
    )
)


def get_total_pending_usd(session: Session, now: datetime) -> Pending:
    """Sum what waits at this instant; a database that does not answer raises, and never reads as nothing."""
    row = session.row("get_total_pending_usd", now=now)
    assert row is not None
    return Pending(**row)


def record_waiting(queries: Queries, snapshot: Snapshot | None, reason: Reason, now: datetime) -> None:
    """Write the row of a check that opens nothing; one that could not look has none."""
    _record(queries, snapshot, now=now, decision="wait", reason=reason, batch_conversion_id=None, batches_opened=0)


def record_opening(transaction: Transaction, snapshot: Snapshot, reason: Reason, batch_conversion_id: uuid.UUID) -> int:
    """Write the row of a check in the transaction that opens its first batch; returns the row's id."""
    return _record(
        transaction,
        snapshot,
        now=snapshot.now,
        decision="open",
        reason=reason,
        batch_conversion_id=batch_conversion_id,
        batches_opened=1,
    )


def log_opening(snapshot: Snapshot, reason: Reason) -> None:
    """Tell that a batch is about to be opened."""
    relation = ">=" if snapshot.pending.pending_usd >= snapshot.threshold.threshold_usd else "<"
    message = f"{snapshot.describe(relation)} - creating batch"
    logs.info(logs.Event.BATCH_OPENING, message, reason=reason, **snapshot.fields)


def log_check(snapshot: Snapshot, reason: Reason, batches_opened: int) -> None:
    """Tell that a check has ended well, and what it came to."""
    if reason == Reason.BELOW_THRESHOLD:
        message = f"{snapshot.describe('<')} - no action"
    else:
        message = f"Check completed: {batches_opened} batch(es) opened ({reason})"
    logs.info(logs.Event.CHECK_COMPLETED, message, reason=reason, batches_opened=batches_opened, **snapshot.fields)


def log_unclaimable(pending: Pending) -> None:
    """Tell of pending rows whose dollars are no dollars; they need a person."""
    if pending.unclaimable_payments:
        logs.warning(
            logs.Event.PAYMENTS_UNCLAIMABLE,
            f"{pending.unclaimable_payments} pending payments have no usable dollars and are never claimed; "
            "see the view unclaimable_payments",
            payments=pending.unclaimable_payments,
        )


def _record(queries: Queries, snapshot: Snapshot | None, **decided: Any) -> int:
    row = queries.row("record_check", **(snapshot.row if snapshot else _NOTHING_SEEN), **decided)
    assert row is not None
    return int(row["id"])
