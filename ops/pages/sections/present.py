"""How things stand: what `status` says."""

from typing import Final

from ops.pages.commands import WHOLE
from ops.pages.section import Section
from ops.situation import lists
from ops.situation.needs import find_needs
from ops.situation.reading import Situation
from ops.situation.words import (
    IN_FLIGHT_COLUMNS,
    held_facts,
    in_flight_facts,
    in_flight_rows,
    present_facts,
)
from shared.outside.database import Transaction

FAILED_SHOWN_MAX: Final = 50


def show_present(situation: Situation) -> Section:
    """What waits, what was decided, what is in flight, what is held, and whether a person is needed."""
    facts = {
        "needs": find_needs(situation),
        "told": [*present_facts(situation), *in_flight_facts(situation), *held_facts(situation)],
        "columns": IN_FLIGHT_COLUMNS,
        "rows": in_flight_rows(situation),
        "commands": WHOLE,
    }
    return Section("now", "Now", "present.html", facts)


def read_held(transaction: Transaction, situation: Situation, payments_max: int) -> Section:
    """Payments that are never claimed as they stand, batches that are stuck, money that came late or not back."""
    stuck = [
        row
        for row in in_flight_rows(situation)
        if row["stuck_reported_at"] is not None or (row["refused_usdt"] is not None and row["accepted_usdt"] is None)
    ]
    facts = {
        "payments": lists.read_held(transaction.rows("list_unclaimable", reason=None, payments_max=payments_max)),
        "payments_max": payments_max,
        "stuck": stuck,
        "stuck_columns": IN_FLIGHT_COLUMNS,
        "late": situation.unresolved,
        "lost": transaction.rows("list_lost_deposits")[:FAILED_SHOWN_MAX],
    }
    return Section("held", "Held and stuck", "held.html", facts)
