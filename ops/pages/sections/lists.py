"""Lists: batches, checks, payments that wait, who moved a lever."""

from datetime import datetime, timedelta
from typing import Final

from ops.pages.section import Section
from ops.situation.forecast import policy_in_force
from ops.situation.lists import read_details, show_acts, show_batches, show_checks
from ops.situation.reading import Situation
from ops.situation.reasons import explain_reason
from shared.outside.database import Row, Transaction

ACTS_MAX: Final = 100


def read_batches(transaction: Transaction, batches_max: int, status: str | None = None) -> Section:
    """The newest batches, of one status where one is asked for."""
    rows = transaction.rows("list_batches", status=status, since=None, client_id=None, batches_max=batches_max)
    facts = {"rows": show_batches(rows), "status": status, "limit": batches_max}
    return Section("batches", "Batches", "batches.html", facts)


def read_checks(transaction: Transaction, now: datetime, checks_max: int, reason: str | None = None) -> Section:
    """The newest checks with their reasons in words, and how often each reason came up."""
    since = now - timedelta(hours=24)
    rows = transaction.rows("list_checks", reason=reason, since=None, checks_max=checks_max)
    facts = {
        "rows": [_explained(row) for row in (rows if reason else show_checks(rows))],
        "by_reason": [_explained(row) for row in transaction.rows("summarize_checks", reason=None, since=since)],
        "reason": reason,
        "limit": checks_max,
    }
    return Section("checks", "Checks", "checks.html", facts)


def read_pending(transaction: Transaction, payments_max: int) -> Section:
    """The payments that wait, oldest first."""
    rows = transaction.rows("list_pending_by_age", payments_max=payments_max)
    return Section("pending", "Payments that wait", "pending.html", {"rows": rows, "limit": payments_max})


def read_levers(transaction: Transaction, situation: Situation) -> Section:
    """What is in force, who moved it, and what else people did."""
    facts = {
        "levers": situation.levers,
        "policy": policy_in_force(situation),
        "moves": show_acts(read_details(transaction.rows("list_lever_history", acts_max=ACTS_MAX))),
        "acts": show_acts(read_details(transaction.rows("list_recent_acts", acts_max=ACTS_MAX))),
    }
    return Section("levers", "Levers and acts", "levers.html", facts)


def _explained(row: Row) -> Row:
    said, lever = explain_reason(row["reason"])
    return row | {"said": said, "lever": lever}
