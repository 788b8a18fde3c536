"""Entering an order's batch again, from what the fence tells of it; and giving up one whose payments are gone.

What is entered counts as ordered: its payments are in it, ChangeNow's word or a callback settles it, and it is never
ordered again. Its order_number stays empty: the fence is known only once an operator accepts it.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from ops.command_line.acts import Act
from ops.command_line.failures import NotDone
from ops.command_line.text import count
from ops.steering.fence.standing import LackedOrder, to_parameters
from shared.flow.batch.ending import fail_batch
from shared.flow.batch.order_record import note_order
from shared.flow.batches import read_batch
from shared.flow.context import CheckContext
from shared.model.costs import QuotedCosts
from shared.model.fence import FencedOrder
from shared.model.money import dollars
from shared.outside.database import Row, Transaction

ENTERED: Final = "entered"  # why the batch was opened, for the record
ALIVE: Final = ("pending", "swapping")


def enter(check: CheckContext, lacked: LackedOrder, payment_ids: str | None, act: Act) -> None:
    """Put the batch back with its payments, as ordered, all or nothing; raises NotDone where they are not its own."""
    order, now = lacked.order, check.now()
    with check.session.transaction(gives_way=True) as transaction:
        if lacked.batch is None:
            _insert(transaction, order)
            _join(transaction, order, payment_ids, now)
        else:
            _require_alive(lacked)
        _note_as_ordered(transaction, order)
        act.record(transaction, _detail(order, payment_ids), order.batch_conversion_id)


def give_up(check: CheckContext, lacked: LackedOrder, act: Act) -> None:
    """Put the batch back without payments, as failed: ChangeNow is asked for a week whether USDT still comes of it."""
    order = lacked.order
    with check.session.transaction() as transaction:
        _insert(transaction, order)
        _note_as_ordered(transaction, order)
        batch = read_batch(transaction, order.batch_conversion_id)
        fail_batch(check, transaction, batch, f"given up: {act.why or 'its payments are gone'}", state=None)
        detail = _detail(order, None) | {"payments_waiting": lacked.payments_waiting}
        act.record(transaction, detail, order.batch_conversion_id)


def require_can_be_given_up(lacked: LackedOrder, *, order_rest_again: bool) -> None:
    """Refuse while payments of it wait: the next batch would pay them a second time.

    *order_rest_again*: a person wants that, since the others are settled elsewhere or gone, and it cannot be entered.
    """
    name = lacked.order.batch_conversion_id
    if lacked.batch is not None:
        raise NotDone(f"the database has batch {name}: enter its order, and if it surely was not paid, release it")
    if order_rest_again and not lacked.are_all_waiting:
        return
    if lacked.payments_waiting:
        waiting = count(lacked.payments_waiting, "payment")
        whose = "of it wait" if lacked.payments_present is not None else "wait that may be of it"
        raise NotDone(
            f"{waiting} {whose}, and would be ordered a second time: ./microbatch fence enter {name}; "
            f"and if it surely was not paid: ./microbatch release {name}"
        )


def _insert(transaction: Transaction, order: FencedOrder) -> None:
    transaction.execute(
        "create_batch_conversion",
        batch_conversion_id=order.batch_conversion_id,
        total_usd=order.total_usd,
        threshold_usd=order.threshold_usd,
        reason=ENTERED,
        payments=order.payments,
        amount_eth=order.amount_eth,
        quoted_usdt=order.quoted_usdt,
        **QuotedCosts()._asdict(),  # nobody knows them any more
        now=order.opened_at,
    )


def _join(transaction: Transaction, order: FencedOrder, payment_ids: str | None, now: datetime) -> None:
    """Let the payments join; those that an operator names may have come in later: they were put back by hand."""
    name = order.batch_conversion_id
    ids = payment_ids or order.payment_ids
    if ids is None:
        raise NotDone(f"which payments batch {name} held is not known: name them, with --payments 7-9,12")
    which = to_parameters(ids) | {"opened_at": None if payment_ids else order.opened_at}
    holders = transaction.rows("list_holders", **which)
    joined = transaction.row("enter_payments", batch_conversion_id=name, now=now, **which)
    assert joined
    if (joined["payments"], joined["total_usd"]) != (order.payments, order.total_usd):
        raise NotDone(
            f"nothing was entered: batch {name} held {count(order.payments, 'payment')} of {dollars(order.total_usd)}, "
            f"of {ids} there wait {joined['payments']} of {dollars(joined['total_usd'])}; "
            f"{_advise(holders, name)}"
        )


def _advise(holders: list[Row], name: UUID) -> str:
    """What to do about payments that are not there, or are in other batches."""
    if not holders:
        return "put back what is missing, and name all of them with --payments 7-9,12"
    held = ", ".join(f"{count(row['payments'], 'payment')} in batch {row['batch_conversion_id']}" for row in holders)
    return (
        f"{held}: wait for its end or, if it surely is not paid, release it; and if its payments are settled: "
        f"./microbatch fence give-up {name} --order-rest-again"
    )


def _require_alive(lacked: LackedOrder) -> None:
    assert lacked.batch is not None
    if lacked.batch["status"] not in ALIVE:
        raise NotDone(
            f"batch {lacked.order.batch_conversion_id} has ended ({lacked.batch['status']}): nothing to enter"
        )


def _note_as_ordered(transaction: Transaction, order: FencedOrder) -> None:
    """Store the exchange where it is not known, and the order as one that is out."""
    name = order.batch_conversion_id
    transaction.execute(
        "store_exchange",
        batch_conversion_id=name,
        cn_api_id=order.cn_api_id,
        payin_address=order.payin_address,
        now=order.prepared_at,
    )
    batch = read_batch(transaction, name)
    if (batch.cn_api_id, batch.total_usd) != (order.cn_api_id, order.total_usd):
        raise NotDone(
            f"the database has batch {name} with exchange {batch.cn_api_id} and {dollars(batch.total_usd)}, the fence "
            f"with {order.cn_api_id} and {dollars(order.total_usd)}: a person must look"
        )
    note_order(transaction, batch, order.prepared_at)
    transaction.execute("count_order_from", batch_conversion_id=name, prepared_at=order.prepared_at)


def _detail(order: FencedOrder, payment_ids: str | None) -> dict[str, Any]:
    return {
        "order_number": order.number,
        "cn_api_id": order.cn_api_id,
        "total_usd": order.total_usd,
        "payment_ids": payment_ids or order.payment_ids,
        "prepared_at": order.prepared_at,
    }
