"""`resend BATCH`: send the payment order once more, for a batch whose first one surely was lost."""

from datetime import datetime

import click

from ops.command_line.acts import Act, acting
from ops.command_line.answers import Answer, answering
from ops.command_line.batch_names import batch_argument
from ops.command_line.failures import NotDone
from ops.outside.order_tasks import withdraw
from ops.steering.certainty import require_resendable, require_unpaid, vouch_option
from ops.steering.evidence import Evidence, gather_alive, steering
from ops.steering.fence.guarding import require_no_order_forgotten
from shared.flow.batch.order_record import log_order, note_order
from shared.flow.batch.ordering import write_order
from shared.flow.batch.quoting import get_guarded_quote
from shared.flow.context import CheckContext
from shared.model.batch import Batch
from shared.model.fence import FencedOrder
from shared.outside.database import Row


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
        require_no_order_forgotten(check)
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
    """Put the intent on record with the act, then in the fence, then send: a crash between counts as an order out."""
    batch, now, again = evidence.batch, check.now(), evidence.resent + 1
    token = write_order(check, batch, now)
    with check.session.transaction() as transaction:
        is_new = note_order(transaction, batch, now)  # one that nobody was sure of is told of now
        prepared = transaction.row(
            "prepare_resend",
            batch_conversion_id=batch.batch_conversion_id,
            now=now,
            fence_number=check.fence.position["fence_number"],
        )
        if prepared is None:
            raise NotDone(f"batch {batch.batch_conversion_id} has ended meanwhile")
        act.record(transaction, evidence.document | {"vouched": vouched, "again": again}, batch.batch_conversion_id)
    if is_new:
        log_order(batch)
    check.fence.raise_to(_describe(batch, prepared, now), check.session)
    check.orders.enqueue_gchostpay1_batch_execution(batch.batch_conversion_id, token, again)


def _describe(batch: Batch, prepared: Row, now: datetime) -> FencedOrder:
    """What the fence tells of the order that is sent now."""
    assert batch.reason is not None
    assert batch.payments is not None
    assert batch.amount_eth is not None
    assert batch.cn_api_id is not None
    assert batch.payin_address is not None
    return FencedOrder(
        **prepared,
        batch_conversion_id=batch.batch_conversion_id,
        prepared_at=now,
        opened_at=batch.created_at,
        reason=batch.reason,
        total_usd=batch.total_usd,
        payments=batch.payments,
        amount_eth=batch.amount_eth,
        quoted_usdt=batch.quoted_usdt,
        cn_api_id=batch.cn_api_id,
        payin_address=batch.payin_address,
    )
