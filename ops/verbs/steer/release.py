"""`release BATCH`: end a batch that surely was not paid, and give its payments back to the next one."""

import click

from ops.command_line.acts import Act, acting
from ops.command_line.answers import Answer, answering
from ops.command_line.batch_names import batch_argument
from ops.command_line.failures import NotDone
from ops.outside.order_tasks import withdraw
from ops.steering.certainty import require_unpaid, vouch_option
from ops.steering.evidence import Evidence, gather_alive, steering
from ops.steering.fence.guarding import require_remembered
from shared.flow.batch.ending import fail_batch
from shared.flow.context import CheckContext


@click.command()
@batch_argument
@vouch_option
@acting("release")
@answering
def command(batch: str, act: Act, *, vouched: bool) -> Answer:
    """End a batch that surely was not paid; its payments wait again."""
    with steering() as check:
        evidence = gather_alive(check, batch)
        batch_conversion_id = evidence.batch.batch_conversion_id
        require_unpaid(evidence, vouched=vouched)
        require_remembered(check, batch_conversion_id, vouched=vouched)
        act.agree([*evidence.lines, "its payments go back to pending, for the next batch"], "Release the batch?")
        withdraw(check.orders, evidence.tasks)
        _release(check, act, evidence, vouched=vouched)
    said = f"released: batch {batch_conversion_id} has failed, what it held is pending again"
    return Answer({"batch_conversion_id": batch_conversion_id, "released": True} | evidence.document, [said])


def _release(check: CheckContext, act: Act, evidence: Evidence, *, vouched: bool) -> None:
    """Fail the batch, record the event and the act, all or nothing."""
    batch = evidence.batch
    detail = evidence.document | {"vouched": vouched}
    with check.session.transaction() as transaction:
        failure = f"operator: {act.why}" if act.why else "operator"
        if not fail_batch(check, transaction, batch, failure, state=evidence.state):
            raise NotDone(f"batch {batch.batch_conversion_id} has ended meanwhile")
        act.record(transaction, detail, batch.batch_conversion_id)
