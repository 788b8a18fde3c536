"""What a check saw before it decided, on record: one row in threshold_checks and one log line a check."""

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from shared import logs
from shared.model.decision import Pending
from shared.model.money import dollars
from shared.model.policy import Policy, PolicyInForce, Threshold
from shared.model.quote import Sums, cap_usd
from shared.model.reasons import BEFORE_CUT_OVER, HELD_RIGHTLY, LeftOut, Reason
from shared.outside.database import Queries, Row, Session, Transaction

SEE_HELD: Final = "./microbatch held"
SEE_STATUS: Final = "./microbatch status"  # what only this check could tell: they are held by no rule
LEFT_OUT_FOR_NOW: Final = frozenset(LeftOut)
NEEDS_NOBODY: Final = HELD_RIGHTLY | {LeftOut.LOCKED}  # told, and no alert
FIRST_IDS_MAX: Final = 5  # of the payments left out for one reason, in a log line


class Snapshot(NamedTuple):
    """What waited, and what the operators had set and asked for, at one instant (aware UTC)."""

    pending: Pending
    threshold: Threshold
    policy: PolicyInForce
    forced: bool
    now: datetime
    fence_number: int | None = None
    swap_cost_usd: Decimal | None = None  # what the policy's cost rule goes by; None where there is none
    refused_quote_usdt: Decimal | None = None  # the USDT of a quote that the guard refused

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
            "unclaimable_by_reason": json.dumps(dict(self.pending.unclaimable), sort_keys=True),
            "threshold_usd": self.threshold.threshold_usd,
            "threshold_source": self.threshold.source,
            "policy": self.policy.recorded,
            "swap_cost_usd": self.swap_cost_usd,
            "refused_quote_usdt": self.refused_quote_usdt,
            "forced": self.forced,
            "fence_number": self.fence_number,
        }

    @property
    def fields(self) -> dict[str, Any]:
        """The snapshot as fields of a log line."""
        return {
            "pending_usd": self.pending.pending_usd,
            "pending_payments": self.pending.payments,
            "oldest_pending_age_s": self.oldest_age_s,
            "unclaimable_payments": self.pending.unclaimable_payments,
            "threshold_usd": self.threshold.threshold_usd,
            "threshold_source": self.threshold.source,
        }

    def describe(self, relation: str) -> str:
        """Say how the pending total stands to the threshold, as the architecture document words it."""
        pending, threshold = dollars(self.pending.pending_usd), dollars(self.threshold.threshold_usd)
        return f"Total pending ({pending}) {relation} Threshold ({threshold})"


_NOTHING_SEEN: Final[dict[str, Any]] = dict.fromkeys(
    (
        "pending_usd",
        "pending_payments",
        "oldest_at",
        "oldest_age_s",
        "unclaimable_payments",
        "unclaimable_by_reason",
        "threshold_usd",
        "threshold_source",
        "policy",
        "fence_number",
        "swap_cost_usd",
        "refused_quote_usdt",
    )
) | {"forced": False}


def get_total_pending_usd(session: Session, policy: Policy, now: datetime) -> Pending:
    """Sum what waits at this instant and fits a batch; what does not is counted by reason, and told.

    A database that does not answer raises, and never reads as nothing.
    """
    usd_max = cap_usd(policy)
    row = session.row("get_total_pending_usd", now=now, usd_max=usd_max, is_capped=policy.max_batch_usd is not None)
    assert row is not None
    if not row.pop("unclaimable_payments"):
        return Pending(**row)
    left_out = session.rows("list_unclaimable_payments", now=now, usd_max=usd_max, first_max=FIRST_IDS_MAX)
    log_unclaimable(left_out)
    return Pending(**row, unclaimable=count_by_reason(left_out))


def get_swap_cost_usd(session: Session, policy: Policy) -> Decimal | None:
    """Read what a swap cost last, for a policy that goes by it: ChangeNow is not asked before a batch is due."""
    row = session.row("get_last_swap_cost") if policy.cost_ratio else None
    return row["fixed_cost_usd"] if row else None


def count_by_reason(left_out: Iterable[Row]) -> Mapping[str, int]:
    """Count payments left out, by the reason why."""
    return {row["reason"]: row["payments"] for row in left_out}


def leave_out(snapshot: Snapshot, left_out: Iterable[Row], left: Sums, oldest_at: datetime | None) -> Snapshot:
    """Say what waits once the quote has told which payments no batch takes: what is left, and the others by reason."""
    pending = snapshot.pending._replace(
        payments=left.payments,
        pending_usd=left.total_usd,
        oldest_at=oldest_at,
        unclaimable={**snapshot.pending.unclaimable, **count_by_reason(left_out)},
    )
    return snapshot._replace(pending=pending)


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


def log_unclaimable(left_out: Iterable[Row]) -> None:
    """Tell of payments that no batch takes, by reason; those of before the cut-over wait for no mending."""
    for row in left_out:
        if row["reason"] == BEFORE_CUT_OVER:
            continue
        write = logs.info if row["reason"] in NEEDS_NOBODY else logs.warning
        write(
            logs.Event.PAYMENTS_UNCLAIMABLE,
            f"{row['payments']} payments wait that are not claimed ({row['reason']}), the first: {row['first_ids']}; "
            f"see: {SEE_STATUS if row['reason'] in LEFT_OUT_FOR_NOW else SEE_HELD}",
            reason=row["reason"],
            payments=row["payments"],
            first_ids=row["first_ids"],
        )


def _record(queries: Queries, snapshot: Snapshot | None, **decided: Any) -> int:
    row = queries.row("record_check", **(snapshot.row if snapshot else _NOTHING_SEEN), **decided)
    assert row is not None
    return int(row["id"])
