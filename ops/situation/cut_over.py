"""The cut-over: what waited when ours was installed, who else is still at work, and from when on payments are ours."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ops.command_line.text import count, instant, shown, table
from shared.outside.database import Row, Transaction

ALL: Final = "-infinity"
"""What PostgreSQL calls the instant before all others."""
SECONDS: Final = len("2026-11-24 09:00:00")  # of an instant as the tables have it, for a reader
WATCHED: Final = timedelta(hours=1)
HOW_TO_DECIDE: Final = (
    "to decide: ./microbatch cut-over --none (payments from now on are ours), --from TIME, or --all (whatever waits)"
)
WAITING: Final = {"status": "status", "age": "age", "payments": "payments", "usd": "dollars", "oldest_at": "oldest"}
BATCHES: Final = {
    "number": "batch",
    "status": "status",
    "total_usd": "dollars",
    "cn_api_id": "exchange",
    "began_at": "began",
    "exchange_status": "ChangeNow says",
}


@dataclass(frozen=True)
class CutOver:
    """What stands at one instant; the rows as the database gives them."""

    decision: Row
    waiting: list[Row]
    old_batches: list[Row]
    changed: Row

    @property
    def document(self) -> dict[str, Any]:
        """All of it as one JSON object."""
        return {
            **self.decision,
            "waiting": self.waiting,
            "old_batches_in_flight": self.old_batches,
            "changed_by_others_within_an_hour": self.changed,
        }

    @property
    def is_busy(self) -> bool:
        """Tell whether others have converted or begun anything within the last hour."""
        return bool(self.changed["payments"] or self.changed["batches"])

    @property
    def lines(self) -> list[str]:
        """All of it for a reader."""
        told = [self.verdict, "", "Waits, and is in no batch:"]
        told += table(self.waiting, WAITING) if self.waiting else ["nothing"]
        told += ["", "Batches of the old service in flight:"]
        told += table(self.old_batches, BATCHES) if self.old_batches else ["none"]
        return [*told, "", self._warning()] + ([HOW_TO_DECIDE] if self.decision["is_wanted"] else [])

    @property
    def verdict(self) -> str:
        """From when on payments are ours, in one sentence."""
        if self.decision["is_wanted"]:
            return "Not decided: nothing is claimed until somebody says from when on payments are ours."
        by = f", decided by {self.decision['decided_by']}" if self.decision["decided_by"] else ""
        if self.decision["takes_all"]:
            return f"Whatever waits is ours{by or ': nothing did when this was installed'}."
        return f"Payments from {instant(self.decision['ours_from'])} on are ours{by}."

    def _warning(self) -> str:
        if not self.is_busy:
            return "Within the last hour nobody else has converted a payment or begun a batch."
        payments, batches = self.changed["payments"], self.changed["batches"]
        return (
            f"Warning: others have changed {count(payments, 'payment')} and {count(batches, 'batch')} within the last "
            "hour: pause the old service's schedule and wait until it has drained, or payments are converted twice."
        )


def read_cut_over(transaction: Transaction, now: datetime) -> CutOver:
    """Look at what waits and at who else is at work."""
    (decision,) = transaction.rows("read_cut_over")
    (changed,) = transaction.rows("count_changes_of_others", since=now - WATCHED)
    return CutOver(
        decision,
        transaction.rows("list_waiting_by_age", now=now),
        transaction.rows("list_old_batches_in_flight"),
        changed,
    )


def plan_cut_over(transaction: Transaction, ours_from: str, now: datetime) -> list[str]:
    """Say what a decision would do to what waits."""
    (weight,) = transaction.rows("weigh_cut_over", ours_from=ours_from, now=now)
    when = "whatever waits is ours" if ours_from == ALL else f"payments from {ours_from[:SECONDS]}Z on are ours"
    return [
        f"{when}: {count(weight['ours'], 'payment')} of those that wait ({shown(weight['ours_usd'])} dollars)",
        f"left apart (before_cut_over): {count(weight['apart'], 'payment')} ({shown(weight['apart_usd'])} dollars)",
    ]


def write_instant(moment: datetime) -> str:
    """Write an instant as the tables have it: UTC, without a zone."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None):%Y-%m-%d %H:%M:%S}"
