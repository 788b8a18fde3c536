"""Mistakes with money: what is claimed, ordered, distributed and given back."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from unittest.mock import patch

from shared.errors import BatchConflict, DatabaseUnavailable, OrderUnknown
from shared.flow import callback, check, check_record
from shared.flow.batch import ending, opening, ordering, quoting, settlement
from shared.flow.batch.settlement import Settlement
from shared.flow.batches import read_batch
from shared.flow.context import CheckContext
from shared.model.batch import Batch
from shared.model.decision import Pending
from shared.model.exchange import CreatedExchange, ExchangeState, Phase
from shared.model.money import distribute_usdt_proportionally, from_units, round_down, to_units
from shared.model.policy import Policy
from shared.model.quote import Offer, Sums
from shared.model.tokens import encrypt_microbatch_to_gchostpay1_token
from shared.outside.changenow import ChangeNow
from shared.outside.cloud_tasks import OrderQueue
from shared.outside.database import Session, Transaction
from shared.outside.driver_errors import translate_errors
from tests.simulation.defects.defect import Defect, Planted
from tests.simulation.history import scenes

SLOW: Final = {"odd_fates": True, "names_blocked_s": (45 * 60,), "wallet_delays_s": (2 * 3600,)}


def _claim_what_is_there() -> Planted:
    """The claim takes whatever is pending by then, and the batch keeps the total of the quote."""

    def create(
        transaction: Transaction, *, offer: Offer, threshold_usd: Decimal, reason: str, now: datetime
    ) -> uuid.UUID:
        batch_conversion_id = uuid.uuid4()
        transaction.execute(
            "create_batch_conversion",
            batch_conversion_id=batch_conversion_id,
            total_usd=offer.sums.total_usd,
            threshold_usd=threshold_usd,
            reason=reason,
            payments=offer.sums.payments,
            amount_eth=offer.quote.amount_eth,
            quoted_usdt=offer.quote.estimated_usdt,
            now=now,
            **offer.quote.costs._asdict(),
        )
        latest = {"last_created_at": datetime(2999, 1, 1), "arrived_id": 2**31 - 1}  # noqa: DTZ001
        everything = offer.selection.parameters | latest
        transaction.row("update_records_to_swapping", batch_conversion_id=batch_conversion_id, now=now, **everything)
        return batch_conversion_id

    return patch.object(opening, "create_batch_conversion", create)


def _order_first() -> Planted:
    """The order leaves before the exchange is on record."""
    original = ordering._make_exchange

    def hasty(check: CheckContext, batch: Batch) -> Batch:
        with patch.object(check.exchange, "create_exchange", _ordering(check, batch)):
            return original(check, batch)

    return patch.object(ordering, "_make_exchange", hasty)


def _ordering(check: CheckContext, batch: Batch) -> Callable[..., CreatedExchange]:
    create = check.exchange.create_exchange

    def create_and_order(**wanted: Any) -> CreatedExchange:
        created = create(**wanted)
        token = encrypt_microbatch_to_gchostpay1_token(
            batch_conversion_id=batch.batch_conversion_id,
            cn_api_id=created.cn_api_id,
            amount_eth=wanted["amount_eth"],
            payin_address=created.payin_address,
            now=check.now(),
            signing_key=check.settings.signing_keys[0],
        )
        check.orders.enqueue_gchostpay1_batch_execution(batch.batch_conversion_id, token)
        return created

    return create_and_order


def _unnamed_task() -> Planted:
    """The order's task has no name, so that Cloud Tasks takes a second one."""
    original = OrderQueue._task

    def unnamed(self: OrderQueue, batch_conversion_id: uuid.UUID, token: str, again: int) -> dict[str, Any]:
        return {key: value for key, value in original(self, batch_conversion_id, token, again).items() if key != "name"}

    return patch.object(OrderQueue, "_task", unnamed)


@contextmanager
def _order_for_days() -> Iterator[None]:
    """An order in doubt is sent again although its name may be free by then."""
    with ExitStack() as stack:
        for module in (check, ordering):
            stack.enter_context(patch.object(module, "ORDER_REPEATABLE_FOR", timedelta(days=3)))
        yield


def _old_exchange_ordered() -> Planted:
    """An order goes out for an exchange that may expire any moment."""
    return patch.object(ordering, "_is_too_old", lambda *_: False)


def _unknown_is_failed() -> Planted:
    """A lost answer of Cloud Tasks fails the batch."""
    original = ordering._send_order

    def certain(check: CheckContext, batch: Batch) -> None:
        try:
            original(check, batch)
        except OrderUnknown:
            ending.release(check, batch, "no answer")

    return patch.object(ordering, "_send_order", certain)


def _waiting_is_lost() -> Planted:
    """An exchange that still waits for its deposit after the grace time is given up."""
    eager = property(lambda state: state.phase in (Phase.WAITING, Phase.FAILED, Phase.REFUNDED))
    return patch.object(ExchangeState, "is_lost", eager)


def _refund_is_finished() -> Planted:
    """A refunded exchange counts as finished with what was expected of it."""
    original = ChangeNow.get_exchange

    def optimistic(self: ChangeNow, cn_api_id: str) -> ExchangeState:
        state = original(self, cn_api_id)
        if not state.is_refunded or state.expected_eth is None:
            return state
        return state._replace(phase=Phase.FINISHED, received_usdt=self.estimate_usdt(state.expected_eth).received)

    return patch.object(ChangeNow, "get_exchange", optimistic)


Write = Callable[[Transaction, int, Decimal], None]


def _distributed_by(write_all: Callable[[Transaction, list[dict[str, Any]], Settlement], None]) -> Planted:
    """The shares are written in Python, by *write_all*."""

    def distribute(transaction: Transaction, batch: Batch, settled: Settlement, now: datetime) -> tuple[int, int]:
        context = _run(
            transaction,
            "SELECT id, accumulated_eth, created_at FROM payout_accumulation WHERE batch_conversion_id = $1"
            " AND conversion_status = 'swapping' ORDER BY created_at, id",
            batch.batch_conversion_id,
        )
        names = ("id", "accumulated_eth", "created_at")
        records = [dict(zip(names, row, strict=True)) for row in context.rows]
        write_all(transaction, records, settled)
        return len(records), 0

    return patch.object(settlement, "distribute", distribute)


def _write(transaction: Transaction, payment_id: int, share_usdt: Decimal) -> None:
    sql = "UPDATE payout_accumulation SET accumulated_amount_usdt = $1, conversion_status = 'completed' WHERE id = $2"
    _run(transaction, sql, share_usdt, payment_id)


def _run(transaction: Transaction, sql: str, *values: Any) -> Any:
    with translate_errors("a statement"):
        return transaction._connection.execute_unnamed(sql, vals=values)


def _share_by_share() -> Planted:
    """Every share is committed by itself."""

    def write_all(transaction: Transaction, records: list[dict[str, Any]], settled: Settlement) -> None:
        for share in distribute_usdt_proportionally(records, settled.received_usdt):
            _write(transaction, share["id"], share["usdt_share"])
            with translate_errors("a statement"):
                transaction._connection.execute_simple("COMMIT")
                transaction._connection.execute_simple("BEGIN")

    return _distributed_by(write_all)


def _residue_to_the_last() -> Planted:
    """Shares are rounded down, and the last payment gets what is left."""

    def write_all(transaction: Transaction, records: list[dict[str, Any]], settled: Settlement) -> None:
        units = to_units(settled.received_usdt)
        weights = [to_units(record["accumulated_eth"]) for record in records]
        shares = [units * weight // sum(weights) for weight in weights]
        shares[-1] += units - sum(shares)
        for record, share in zip(records, shares, strict=True):
            _write(transaction, record["id"], from_units(share))

    return _distributed_by(write_all)


def _weights_overwritten() -> Planted:
    """The share is written over the dollars, as in the first sketch."""

    def write_all(transaction: Transaction, records: list[dict[str, Any]], settled: Settlement) -> None:
        for share in distribute_usdt_proportionally(records, settled.received_usdt):
            _write(transaction, share["id"], share["usdt_share"])
            sql = "UPDATE payout_accumulation SET accumulated_eth = $1 WHERE id = $2"
            _run(transaction, sql, share["usdt_share"], share["id"])

    return _distributed_by(write_all)


def _error_is_zero() -> Planted:
    """A database that does not answer reads as nothing pending."""
    original = check_record.get_total_pending_usd

    def get_total(session: Session, policy: Policy, now: datetime) -> Pending:
        try:
            return original(session, policy, now)
        except DatabaseUnavailable:
            return Pending(0, Decimal(0), None)

    return patch.object(check, "get_total_pending_usd", get_total)


def _replay_not_recognised() -> Planted:
    """A callback that comes again is settled again."""
    original = callback._require_match

    def matched(batch: Batch | None, report: Any) -> Batch:
        return original(batch, report)._replace(status="swapping")

    return patch.object(callback, "_require_match", matched)


def _replay_refused() -> Planted:
    """A callback that comes again is a conflict, and Cloud Tasks repeats it for a day."""

    def refused(batch: Batch, report: Any) -> callback.CallbackResult:
        raise BatchConflict("the batch is completed")

    return patch.object(callback, "_accept_repeat", refused)


def _callback_is_believed() -> Planted:
    """The callback's amount is distributed without asking ChangeNow."""
    return patch.object(
        callback, "_confirm_payout", lambda _, report: settlement.Payout(report.received_usdt, None, None)
    )


@contextmanager
def _dollars_as_ether() -> Iterator[None]:
    """The dollars go out as ether, and no guard looks."""
    with ExitStack() as stack:
        stack.enter_context(_dollars_as_guarded_ether())
        stack.enter_context(patch.object(quoting, "is_within", lambda *_: True))
        yield


def _dollars_as_guarded_ether() -> Planted:
    """The dollars are taken for ether; the guard refuses every quote, and nothing is ever converted."""
    return patch.object(Sums, "value_in_eth", lambda sums, _: round_down(sums.total_usd))


@contextmanager
def _released_in_two_steps() -> Iterator[None]:
    """A failed batch and its payments are written in two transactions."""

    def release(check: CheckContext, batch: Batch, failure: str, state: ExchangeState | None = None) -> Batch:
        with check.session.transaction() as transaction:
            transaction.execute(
                "fail_batch",
                batch_conversion_id=batch.batch_conversion_id,
                failure_reason=failure,
                exchange_status=state.status if state else None,
                deposit_eth=None,
                payin_hash=None,
                deposit_lost_at=None,
                reconcile_after=None,
            )
        with check.session.transaction() as transaction:
            transaction.execute("release_payments", batch_conversion_id=batch.batch_conversion_id, now=check.now())
        return read_batch(check.session, batch.batch_conversion_id)

    with patch.object(ordering, "release", release), patch.object(ending, "release", release):
        yield


MONEY: Final = (
    Defect("claim without exactness", _claim_what_is_there, 20),
    Defect("order before the exchange is stored", _order_first, 2),
    Defect("unnamed task", _unnamed_task, 10, scene=scenes.ordered_and_not_noted),
    Defect("order sent again when its name is free", _order_for_days, 60, "tasks", SLOW),
    Defect("an old exchange ordered", _old_exchange_ordered, 10, scene=scenes.ordered_too_late),
    Defect("a lost answer fails the batch", _unknown_is_failed, 60, "tasks"),
    Defect("a waiting exchange is given up", _waiting_is_lost, 30),
    Defect("a refund is taken for a payout", _refund_is_finished, 10, conditions={"course": "refund"}),
    Defect("shares committed one by one", _share_by_share, 60, "a statement"),
    Defect("residue to the last payment", _residue_to_the_last, 5),
    Defect("weights overwritten by shares", _weights_overwritten, 5),
    Defect("an error is read as nothing pending", _error_is_zero, 60, "get_total_pending_usd"),
    Defect("a repeated callback is settled again", _replay_not_recognised, 20),
    Defect("a repeated callback is refused", _replay_refused, 20),
    Defect("the callback's amount is believed", _callback_is_believed, 10, conditions={"manner": "wrong"}),
    Defect("dollars sent as ether", _dollars_as_ether, 2),
    Defect("dollars taken for ether behind the guard", _dollars_as_guarded_ether, 2),
    Defect(
        "payments given back in a second transaction",
        _released_in_two_steps,
        60,
        "release_payments",
        {"course": "refund"},
    ),
)
