"""`reconcile`: ours, ChangeNow's word and the chain, batch by batch; `--settled...` says that a person has looked."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from ops.command_line.acts import Act, acting
from ops.command_line.answers import Answer, answering, tell
from ops.command_line.batch_names import BatchName, find_batch
from ops.command_line.database import opened_database
from ops.command_line.failures import Away, NotDone
from ops.command_line.moments import Moment
from ops.command_line.text import count
from ops.situation.reconciliation.findings import Finding
from ops.situation.reconciliation.foreign import began, find_foreign
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
@click.option("--settled-exchange", "exchange", metavar="ID", help="The same, of an exchange that no batch knows.")
@click.option("--log", "as_log", is_flag=True, help="Answer in one line for the log, as the nightly run does.")
@acting("reconcile settled")
@answering
def command(  # noqa: PLR0917 - click gives them by name
    since: datetime | None, until: datetime | None, batch: str | None, exchange: str | None, act: Act, *, as_log: bool
) -> Answer:
    """Compare ours, ChangeNow's word and the chain.

    Without a time: every batch that has not matched for good. Exit code 1 for what nobody has explained, 3 where not
    all could be asked.
    """
    settled = batch is not None or exchange is not None
    if settled and (since is not None or until is not None or as_log or (batch is not None and exchange is not None)):
        raise click.UsageError("--settled speaks of one batch or exchange, without --since, --until and --log")
    if settled and not act.why:
        raise click.UsageError("--settled needs --why: what was found out, and what was done")
    with opened_database() as database:
        if batch is not None:
            return _settle(database, batch, act)
        if exchange is not None:
            return _settle_exchange(database, exchange, act)
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
    if selection.batch_conversion_id is None:
        since = selection.since if selection.is_every else began(now)
        report.add_foreign(find_foreign(database, sources, since, selection.until))
    return report


def _settle(database: Database, batch: str, act: Act) -> Answer:
    """Put on record that a person has dealt with what is found of a batch at this moment, and with nothing else."""
    with database.transaction() as transaction:
        batch_conversion_id = find_batch(transaction, batch)
    report = _compare(database, Selection(batch_conversion_id))
    facts = _agree(report, [finding for _, finding in report.listed], f"batch {batch_conversion_id}", act)
    with database.transaction() as transaction:
        act.record(transaction, {"findings": facts}, batch_conversion_id)
    document = {"batch_conversion_id": batch_conversion_id, "settled": facts}
    return Answer(document, [f"settled: {len(facts)} of batch {batch_conversion_id}; anything else is told anew"])


def _settle_exchange(database: Database, exchange: str, act: Act) -> Answer:
    """The same of an exchange in ChangeNow's list that no batch knows."""
    report = Report(datetime.now(UTC), THREE[:2])
    report.add_foreign(find_foreign(database, open_sources(), None, None))
    if report.foreign.refusal:
        raise NotDone(f"ChangeNow keeps its list from this key: {report.foreign.refusal}")
    findings = [finding for found, finding in report.listed if found.cn_api_id == exchange]
    facts = _agree(report, findings, f"exchange {exchange}", act)
    with database.transaction() as transaction:
        act.record(transaction, {"cn_api_id": exchange, "findings": facts})
    return Answer({"cn_api_id": exchange, "settled": facts}, [f"settled: exchange {exchange}; a change is told anew"])


def _agree(report: Report, findings: Sequence[Finding], name: str, act: Act) -> list[dict[str, Any]]:
    """Let a person agree to what is found at this moment; returns it as it goes on record."""
    if report.notes:
        raise Away(f"not all could be asked: {next(iter(report.notes))}")
    if not findings:
        raise NotDone(f"nothing is found of {name} that has not been dealt with")
    told = [f"  {finding.word}: {finding.text}" for finding in findings]
    act.agree([name, *told], "Has all of this been dealt with?")
    return [finding.facts for finding in findings]
