"""The nightly run's one line, as the functions write theirs: an alert watches its event."""

from enum import StrEnum
from typing import Any, Final

from ops.situation.reconciliation.findings import Word
from ops.situation.reconciliation.report import Report
from ops.situation.reconciliation.settings import secrets
from shared import logs

NAMED_MAX: Final = 10


class NightlyEvent(StrEnum):
    """What the line tells of; the functions write none of these words."""

    COMPLETED = "reconciliation_completed"
    INCOMPLETE = "reconciliation_incomplete"
    UNEXPLAINED = "reconciliation_unexplained"


def write_line(report: Report) -> None:
    """Write what the run found to standard output."""
    logs.configure(secrets())
    write = logs.logger.info
    event, said = NightlyEvent.COMPLETED, "nothing unexplained"
    if report.notes:
        write = logs.logger.warning
        event, said = NightlyEvent.INCOMPLETE, "not all could be asked"
    if report.unexplained:
        write = logs.logger.error
        event, said = NightlyEvent.UNEXPLAINED, f"{report.unexplained} unexplained; see: ./microbatch reconcile"
    write(f"Reconciliation: {said}", extra={"event": event, "fields": _fields(report)})


def _fields(report: Report) -> dict[str, Any]:
    """The sums, flat: counts as numbers, so that a metric can read them, lists as text."""
    named = [f"{finding.word} {found.name}" for found, finding in report.listed[:NAMED_MAX]]
    return {
        "batches": report.batches,
        **report.verdicts,
        "settled": report.settled,
        "unexplained": report.unexplained,
        **{f"{word}_findings": report.words[word] for word in Word},
        "deposit_gas_eth": report.gas_eth,
        "sources": ", ".join(report.sources),
        "exchanges_listed": report.foreign.listed,
        "list_refused": report.foreign.refusal,
        "not_asked": "; ".join(report.notes),
        "first_findings": ", ".join(named),
    }
