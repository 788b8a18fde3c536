"""`fence show|enter|give-up|accept`: what a restored database lacks, and going on once that is dealt with."""

from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

import click

from ops.command_line.acts import Act, acting
from ops.command_line.answers import Answer, answering
from ops.command_line.database import opened_database
from ops.command_line.exits import Exit
from ops.command_line.failures import NotDone
from ops.command_line.text import count
from ops.outside.exchange import open_exchange
from ops.outside.fence_object import open_fence_object
from ops.steering.evidence import steering
from ops.steering.fence import accepting, entering
from ops.steering.fence.facts import PaymentIds, read_facts
from ops.steering.fence.standing import LackedOrder, find_lacked, read_standing
from ops.steering.fence.telling import ask_exchange, tell_order, tell_standing, to_document
from shared.errors import FenceLost, SettingsInvalid
from shared.flow.context import CheckContext
from shared.model.exchange import Exchange

facts_option: Final = click.option(
    "--facts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A batch.created event, or its log line, of an order that the fence no longer lists.",
)
payments_option: Final = click.option(
    "--payments", "payment_ids", type=PaymentIds(), help="Its payments, where they were put back under other ids."
)


@click.group()
def command() -> None:
    """Show which orders a restored database lacks, and go on."""


@command.command()
@answering
def show() -> Answer:
    """Show what the fence says, and which orders the database lacks; exit 1 if it lacks any."""
    try:
        with opened_database() as database:
            standing = read_standing(open_fence_object(), database)
    except FenceLost as error:
        raise NotDone(f"{error}: put an earlier generation back, or make it anew: ./microbatch fence accept") from error
    exchange = _exchange()
    words = [ask_exchange(exchange, lacked) for lacked in standing.lacked]
    exit_code = Exit.REFUSED if standing.is_behind else Exit.DONE
    return Answer(to_document(standing, words), list(tell_standing(standing, words)), exit_code)


@command.command()
@click.argument("batch", type=click.UUID)
@facts_option
@payments_option
@acting("fence enter")
@answering
def enter(batch: UUID, facts: Path | None, payment_ids: str | None, act: Act) -> Answer:
    """Enter an order's batch again: its payments are in it, it counts as ordered, ChangeNow's word settles it."""
    with steering() as check:
        lacked = _find(check, batch, facts, payment_ids)
        plan = "its payments join it, it counts as ordered, and nothing is paid for it again"
        act.agree([*tell_order(lacked, ask_exchange(check.exchange, lacked)), plan], "Enter it?")
        entering.enter(check, lacked, payment_ids, act)
    said = f"entered: batch {batch}; the next checks ask ChangeNow about it, see: ./microbatch batch {batch}"
    return Answer({"batch_conversion_id": batch, "entered": True, "order_number": lacked.order.number}, [said])


@command.command("give-up")
@click.argument("batch", type=click.UUID)
@facts_option
@click.option(
    "--order-rest-again",
    is_flag=True,
    help="Some of its payments are settled elsewhere or gone, and those that wait are to be ordered a second time.",
)
@acting("fence give-up")
@answering
def give_up(batch: UUID, facts: Path | None, act: Act, *, order_rest_again: bool) -> Answer:
    """Give up an order's batch whose payments are gone for good: on record as failed, asked about for a week."""
    with steering() as check:
        lacked = _find(check, batch, facts, None)
        entering.require_can_be_given_up(lacked, order_rest_again=order_rest_again)
        rest = f"{count(lacked.payments_waiting, 'payment')} of it wait and are ordered a second time"
        gone = rest if lacked.payments_waiting else "its payments are gone for good"
        plan = f"{gone}; USDT that still comes of it will be on record, and no client's"
        act.agree([*tell_order(lacked, ask_exchange(check.exchange, lacked)), plan], "Give it up?")
        entering.give_up(check, lacked, act)
    said = f"given up: batch {batch}; the next checks ask ChangeNow whether USDT came of it"
    return Answer({"batch_conversion_id": batch, "given_up": True, "order_number": lacked.order.number}, [said])


@command.command()
@click.option("--unlisted", is_flag=True, help="Orders that the fence no longer lists have been dealt with, too.")
@acting("fence accept")
@answering
def accept(act: Act, *, unlisted: bool) -> Answer:
    """Go on from the fence as it is, once all that the database lacks is dealt with; or make a lost one anew."""
    stored = open_fence_object()
    with steering() as check:
        try:
            standing = read_standing(stored, check.session)
        except FenceLost as error:
            position = accepting.make_anew(check, stored, act, why_lost=str(error))
            return Answer(position | {"accepted": True}, ["made anew: batches are opened and ordered again"])
        if standing.is_known:
            return Answer({"accepted": False}, ["nothing to accept: the database knows the fence's newest order"])
        position = accepting.accept(check, standing, act, unlisted=unlisted)
    return Answer(position | {"accepted": True}, ["accepted: batches are opened and ordered again"])


def _find(check: CheckContext, batch: UUID, facts: Path | None, payment_ids: str | None) -> LackedOrder:
    """Return the order of a batch as the fence lists it, or else as a file tells of it."""
    if facts is None:
        orders = read_standing(open_fence_object(), check.session).stored.fence.orders
    else:
        orders = (read_facts(facts, payment_ids),)
    lacked = [lacked for lacked in find_lacked(orders, check.session) if lacked.order.batch_conversion_id == batch]
    if not lacked:
        raise NotDone(f"no order of batch {batch} is listed that the database lacks; see: ./microbatch fence show")
    if lacked[0].dealt_with:
        raise NotDone(f"the order of batch {batch} is dealt with: {lacked[0].dealt_with}")
    return lacked[0]


def _exchange() -> Exchange | None:
    with suppress(SettingsInvalid):
        return open_exchange()
    return None
