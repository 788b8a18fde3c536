"""When it is certain that a batch's exchange was not paid and will not be: the rules of release and resend."""

from datetime import timedelta
from typing import Final

import click

from ops.command_line.failures import NotDone
from ops.command_line.text import instant
from ops.steering.evidence import NO_EXCHANGE, UNKNOWN_THERE, Evidence

# GCHostPay1 refuses an order that is 300 s old, 5 s of its clock aside; after this nobody can begin to pay by it.
ORDER_DEAD_AFTER: Final = timedelta(minutes=10)
VOUCH: Final = "--gchostpay1-has-not-paid"
vouch_option: Final = click.option(
    VOUCH, "vouched", is_flag=True, help="You have looked into its log: no payment to the payin address."
)


def require_unpaid(evidence: Evidence, *, vouched: bool) -> None:
    """Refuse, with the reason, unless nothing was paid for the batch's exchange and nothing will be.

    *vouched*: a person has looked into GCHostPay1's log and found no payment to the payin address.
    """
    if evidence.changenow == NO_EXCHANGE:
        return  # nobody was ever told to pay anything
    if evidence.state is not None and not evidence.state.is_unpaid:
        if evidence.state.is_lost:
            return  # ended without a payout: the next check would give it back as well
        raise NotDone(f"ChangeNow says {evidence.changenow}: a deposit was seen, the swap goes on by itself")
    if evidence.ordered_at is None:
        return
    if evidence.state is None and evidence.changenow != UNKNOWN_THERE:
        raise NotDone(f"ChangeNow does not tell about the exchange ({evidence.changenow}), and an order may be out")
    _require_dead_order(evidence)
    if evidence.was_delivered and not vouched:
        raise NotDone(
            "GCHostPay1 may have been handed the order: look into its log for a payment to "
            f"{evidence.batch.payin_address}, and if there is none, add {VOUCH}"
        )


def require_resendable(evidence: Evidence) -> None:
    """Refuse unless an order was sent, is lost, and its exchange still waits for the deposit."""
    if evidence.batch.reason is None:
        raise NotDone("this batch is the old service's; only those that our own check opened are ever ordered")
    if evidence.ordered_at is None:
        raise NotDone("no order was ever sent; the next check sends it: ./microbatch trigger")
    if evidence.state is None or not evidence.state.is_waiting:
        raise NotDone(f"ChangeNow says {evidence.changenow}: only an exchange that is waiting can be paid")


def _require_dead_order(evidence: Evidence) -> None:
    assert evidence.ordered_at is not None
    if evidence.now - evidence.ordered_at < ORDER_DEAD_AFTER:
        until = evidence.ordered_at + ORDER_DEAD_AFTER
        raise NotDone(f"GCHostPay1 may still take the order; it is too old for that at {instant(until)}")
