"""`reconcile`: ours, ChangeNow's word and the chain, batch by batch; `--settled` says that a person has looked."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from ops.command_line.acts import Act, acting
from ops.command_line.answers import Answer, answering, tell
from ops.command_line.batch_names import BatchName, find_batch
from ops.command_line.database import opened_database
from ops.command_line.failures import Away, NotDone
from ops.command_line.moments import Moment
from ops.command_line.text import count
from ops.situation.reconciliation.findings import Finding
from ops.situation.reconciliation.nightly import write_line
from ops.situation.reconciliation.pages import Comparison, Selection
from ops.situation.reconciliation.report import Report
from ops.situation.reconciliation.settings import open_sources
from shared.outside.database import Database

THREE = ("ours", "ChangeNow", "the chain")


@click.command()
@click.option("--since", type=Moment(), help="Every batch opened from this time on.")
@click.option("--until", type=Moment(), help="Every batch opened before this time.")
@click.option("--settled", "batch", type=BatchName(), help="What is found of this batch has been dealt with.")
@click.option("--log", "as_log", is_flag=True, help="Answer in one line for the log, as the nightly run does.")
@acting("reconcile settled")
@answering
def command(since: datetime | None, until: datetime | None, batch: str | None, act: Act, *, as_log: bool) -> Answer:
    """Compare ours, ChangeNow's word and the chain.

    Without a time: every batch that has not matched for good. Exit code 1 for what nobody has explained, 3 where not
    all could be asked.
    """
    if batch is not None and (since is not None or until is not None or as_log):
        raise click.UsageError("--settled speaks of one batch, without --since, --until and --log")
    with opened_database() as database:
        if batch is not None:
            return _settle(database, batch, act)
        report = _compare(database, Selection(since=since, until=until))
    if as_log:
        write_line(report)
        return Answer({}, exit=report.exit)
    return Answer(report.document, report.lines, report.exit)


def _compare(database: Database, selection: Selection) -> Report:
    """Compare page by page, telling how far it has come."""
    sources = open_sources()
    now = datetime.now(UTC)
    report = Report(now, THREE if sources.node else THREE[:2])
    for page in Comparison(database, sources, now).pages(selection):
        report.add(page)
        if selection.batch_conversion_id is None:
            tell(f"{count(report.batches, 'batch')} compared")
    return report


def _settle(database: Database, batch: str, act: Act) -> Answer:
    """Put on record that a person has dealt with what is found of a batch at this moment, and with nothing else."""
    if not act.why:
        raise click.UsageError("--settled needs --why: what was found out, and what was done")
    with database.transaction() as transaction:
        batch_conversion_id = find_batch(transaction, batch)
    report = _compare(database, Selection(batch_conversion_id))
    if report.notes:
        raise Away(f"not all could be asked: {next(iter(report.notes))}")
    findings = [finding for _, finding in report.listed]
    if not findings:
        raise NotDone(f"nothing is found of batch {batch_conversion_id} that has not been dealt with")
    act.agree([f"batch {batch_conversion_id}", *_told(findings)], "Has all of this been dealt with?")
    with database.transaction() as transaction:
        act.record(transaction, {"findings": [finding.facts for finding in findings]}, batch_conversion_id)
    document = {"batch_conversion_id": batch_conversion_id, "settled": [finding.facts for finding in findings]}
    return Answer(document, [f"settled: {len(findings)} of batch {batch_conversion_id}; anything else is told anew"])


def _told(findings: Sequence[Finding]) -> list[str]:
    return [f"  {finding.word}: {finding.text}" for finding in findings]
