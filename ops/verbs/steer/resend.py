"""`resend BATCH`: send the payment order once more, for a batch whose first one surely was lost."""

import click

from ops.command_line.acts import Act, acting
from ops.command_line.answers import Answer, answering
from ops.command_line.batch_names import batch_argument
from ops.command_line.failures import NotDone
from ops.outside.order_tasks import withdraw
from ops.steering.certainty import require_resendable, require_unpaid, vouch_option
from ops.steering.evidence import Evidence, gather_alive, steering
from shared.flow.batch.ordering import write_order
from shared.flow.batch.quoting import get_guarded_quote
from shared.flow.context import CheckContext


@click.command()
@batch_argument
@vouch_option
@acting("resend")
@answering
def command(batch: str, act: Act, *, vouched: bool) -> Answer:
    """Send a lost payment order once more."""
    with steering() as check:
        evidence = gather_alive(check, batch)
        batch_conversion_id = evidence.batch.batch_conversion_id
        require_resendable(evidence)
        require_unpaid(evidence, vouched=vouched)
        _require_worth(check, evidence)
        plan = f"{evidence.batch.amount_eth} ETH are ordered again, to {evidence.batch.payin_address}"
        act.agree([*evidence.lines, plan], "Send the order again?")
        withdraw(check.orders, evidence.tasks)
        _resend(check, act, evidence, vouched=vouched)
    said = f"ordered again: batch {batch_conversion_id}; watch it with: ./microbatch wait {batch_conversion_id}"
    return Answer({"batch_conversion_id": batch_conversion_id, "resent": True} | evidence.document, [said])


def _require_worth(check: CheckContext, evidence: Evidence) -> None:
    """Refuse, as the check would, where the exchange would not bring what the payments are worth."""
    batch = evidence.batch
    if batch.amount_eth is None:
        raise NotDone("how much ETH was ordered is not on record")
    get_guarded_quote(check.exchange, batch.amount_eth, batch.total_usd, check.policy)


def _resend(check: CheckContext, act: Act, evidence: Evidence, *, vouched: bool) -> None:
    """Put the intent on record with the act, then send: a crash between counts as an order that may be out."""
    batch, now, again = evidence.batch, check.now(), evidence.resent + 1
    token = write_order(check, batch, now)
    with check.session.transaction() as transaction:
        if not transaction.execute("prepare_resend", batch_conversion_id=batch.batch_conversion_id, now=now):
            raise NotDone(f"batch {batch.batch_conversion_id} has ended meanwhile")
        act.record(transaction, evidence.document | {"vouched": vouched, "again": again}, batch.batch_conversion_id)
    check.orders.enqueue_gchostpay1_batch_execution(batch.batch_conversion_id, token, again)
