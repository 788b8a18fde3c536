"""How long a payment may wait at most, in checks that nothing disturbs, whatever the functions have on record of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sandbox.changenow.exchange import Exchange
from tests.simulation.model.exchanges import ASKED_AGAIN_WITHIN, GRACE, LOST, is_plausible
from tests.simulation.model.situation import Row, Situation
from tests.simulation.world.peer_records import RuleBroken

RULE: Final = "no payment waits for longer than it must"
ORDERED_WITHIN: Final = timedelta(hours=1)
ASKED_SOON: Final = timedelta(minutes=5)

Find = Callable[[Row], Exchange | None]
"""A batch's exchange as ChangeNow tells of it; None where it tells nothing."""


def must_not_wait_longer(before: Situation, after: Situation, find: Find, clocks_apart: timedelta) -> None:
    """Name the first batch that this check should have brought on, by how long it was due already.

    The payments of a batch wait an hour for its order, and an hour for ChangeNow's word once that is final.
    """
    then = {batch["id"]: batch for batch in after.batches}
    for batch in before.alive:
        due_at = _due_at(before, batch, find(batch))
        is_late = due_at is not None and before.now - due_at > clocks_apart
        if is_late and not _is_asked_soon(before, batch) and _stands_still(batch, then[batch["id"]]):
            waits = [row["id"] for row in before.payments if row["batch_id"] == batch["id"]]
            raise RuleBroken(
                RULE,
                f"expected payments {waits} to be brought on by a check at {before.now}, due since {due_at}: {batch}",
            )


def _due_at(situation: Situation, batch: Row, exchange: Exchange | None) -> datetime | None:
    """When the next check must bring a batch on; None where it may wait for ever."""
    ordered_at: datetime | None = batch["task_enqueued_at"] or batch["order_prepared_at"]
    if situation.is_held(batch):
        return None
    if ordered_at is None:
        made_at: datetime = batch["made_at"]
        is_ours = batch["opened_because"] and not situation.is_behind  # it may be out already
        return made_at + ORDERED_WITHIN if is_ours else None
    if exchange is None or not _is_final(batch, exchange):
        return None
    ended_at = exchange.updated_at.astimezone(UTC).replace(tzinfo=None)
    return max(ended_at, ordered_at + GRACE, situation.restored_at) + ASKED_AGAIN_WITHIN


def _is_final(batch: Row, exchange: Exchange) -> bool:
    if exchange.status in LOST:
        return True
    is_paid_out = exchange.status == "finished" and exchange.amount_to is not None
    return is_paid_out and is_plausible(batch, exchange) and bool(batch["holds_its_total"])


def _is_asked_soon(situation: Situation, batch: Row) -> bool:
    """Whether a check that something disturbed has asked in vain just now, and the next one asks again."""
    ask_at = batch["reconcile_after"]
    return ask_at is not None and situation.now < ask_at <= situation.now + ASKED_SOON


def _stands_still(batch: Row, then: Row) -> bool:
    """Whether a batch is where it was: neither ended nor ordered by now."""
    names = ("status", "task_enqueued_at", "order_prepared_at")
    return all(batch[name] == then[name] for name in names)
