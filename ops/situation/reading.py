"""What the database knows of the present: what waits, what was decided, what is in flight, what is held."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from ops.situation.reasons import LEFT_OUT
from shared.flow.breaker import COUNTED_FOR
from shared.flow.check_lock import CHECK_LOCK
from shared.outside.database import Row, Transaction

IN_FLIGHT_MAX: Final = 200
UNRESOLVED_MAX: Final = 50
PACE_SPAN: Final = timedelta(hours=24)


@dataclass(frozen=True)
class Situation:
    """Everything at one instant, as rows of the statements that read it; instants are aware UTC."""

    now: datetime
    pending: Row
    held: dict[str, int]
    """Payments that are never claimed as they stand, by reason."""
    left_out: dict[str, int]
    """Those that the last check left out for what only its policy, its quote or the moment told, by reason."""
    last_check: Row | None
    levers: Row | None
    lever_acts: list[Row]
    in_flight: list[Row]
    unresolved: list[Row]
    breaker: Row
    cut_over: Row | None
    pace_usd: Decimal
    unpublished_events: int
    running: Row | None
    """The session that holds the check's lock, if one runs now."""

    @property
    def pending_usd(self) -> Decimal:
        """The dollars that wait and may be claimed."""
        return Decimal(self.pending["pending_usd"])

    @property
    def oldest_age(self) -> timedelta | None:
        """How long the oldest of them has waited."""
        oldest = self.pending["oldest_at"]
        return max(self.now - oldest, timedelta(0)) if isinstance(oldest, datetime) else None

    def age(self, row: Row, *names: str) -> timedelta:
        """How long ago the first of the named instants was that the row knows."""
        at: datetime = next((row[name] for name in names if row[name] is not None), self.now)
        return max(self.now - at, timedelta(0))


def read_situation(transaction: Transaction, now: datetime) -> Situation:
    """Read everything; no statement's cost grows with the history."""
    pending = transaction.row("sum_claimable")
    levers = transaction.row("get_levers_in_force")
    last_check, left_out = _tell_apart(transaction.row("get_last_check"))
    breaker = transaction.row("count_lost_deposits", since=now - COUNTED_FOR)
    pace = transaction.row("sum_arrivals", since=now - PACE_SPAN)
    events = transaction.row("count_unpublished_events")
    assert pending
    assert breaker
    assert pace
    assert events
    return Situation(
        now=now,
        pending=pending,
        held={row["reason"]: row["payments"] for row in transaction.rows("count_unclaimable_by_reason")},
        left_out=left_out,
        last_check=last_check,
        levers=levers,
        lever_acts=transaction.rows("list_lever_acts", since=levers["checked_at"]) if levers else [],
        in_flight=transaction.rows("list_batches_in_flight", batches_max=IN_FLIGHT_MAX),
        unresolved=transaction.rows("list_late_payouts", batches_max=UNRESOLVED_MAX),
        breaker=breaker,
        cut_over=transaction.row("get_cut_over"),
        pace_usd=max(pace["opened_usd"] + pending["pending_usd"] - pace["pending_then_usd"], Decimal(0)),
        unpublished_events=events["events"],
        running=transaction.row("get_running_check", lock_high=CHECK_LOCK >> 32, lock_low=CHECK_LOCK & 0xFFFF_FFFF),
    )


def _tell_apart(check: Row | None) -> tuple[Row | None, dict[str, int]]:
    """A check as it is shown, and how many payments it left out for what it alone could tell, by reason."""
    if check is None:
        return None, {}
    counted = json.loads(check["unclaimable_by_reason"] or "{}")
    shown = {name: check[name] for name in check if name != "unclaimable_by_reason"}
    return shown, {reason: payments for reason, payments in counted.items() if reason in LEFT_OUT}
