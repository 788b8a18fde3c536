"""The evidence on a batch: its row, ChangeNow's word at this moment, its order's age and its place in the queue."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ops.command_line.batch_names import find_batch
from ops.command_line.database import STATEMENTS
from ops.command_line.failures import Away, NotDone
from ops.command_line.text import age
from ops.outside.environment import check_settings
from ops.outside.order_tasks import OrderTask, list_order_tasks
from shared.errors import ExchangeRefused
from shared.flow.batches import read_batch
from shared.flow.check_lock import CHECK_LOCK
from shared.flow.context import CheckContext, CheckDependencies
from shared.flow.fence import CheckFence
from shared.model.batch import Batch
from shared.model.exchange import ExchangeState
from shared.model.policy import Policy, policy_on_record
from shared.outside.database import Queries, Session
from shared.wiring.check_threshold import wire_check

NO_EXCHANGE: Final = "no exchange"
UNKNOWN_THERE: Final = "unknown there"
CLOCK_OFF_MAX: Final = timedelta(seconds=2)  # GCHostPay1 takes an order that is 5 s ahead of its own


@dataclass(frozen=True)
class Evidence:
    """What is known at one instant (aware UTC) before anything is done."""

    now: datetime
    batch: Batch
    state: ExchangeState | None
    changenow: str
    """ChangeNow's word, or why there is none."""
    tasks: list[OrderTask]
    resent: int

    @property
    def ordered_at(self) -> datetime | None:
        """When an order may have left last; None where surely none ever did."""
        return max(filter(None, (self.batch.order_prepared_at, self.batch.task_enqueued_at)), default=None)

    @property
    def order_age(self) -> timedelta | None:
        """How old the last order is."""
        return None if self.ordered_at is None else self.now - self.ordered_at

    @property
    def was_delivered(self) -> bool:
        """Whether GCHostPay1 may have been handed an order: only one that still waits, untried, surely was not."""
        untried = [task for task in self.tasks if task.deliveries == 0]
        return self.ordered_at is not None and len(untried) <= self.resent

    @property
    def document(self) -> dict[str, Any]:
        """The evidence for the record."""
        return {
            "status": self.batch.status,
            "exchange": self.batch.cn_api_id,
            "changenow": self.changenow,
            "ordered_at": self.ordered_at,
            "order_age_s": None if self.order_age is None else int(self.order_age.total_seconds()),
            "orders_in_queue": len(self.tasks),
            "deliveries": sum(task.deliveries for task in self.tasks),
            "resent_before": self.resent,
        }

    @property
    def lines(self) -> list[str]:
        """The evidence for a reader."""
        order = "never sent" if self.order_age is None else f"{age(self.order_age)} old"
        waiting = f", still in its queue ({self.tasks[-1].deliveries} deliveries)" if self.tasks else ""
        worth = f"${self.batch.total_usd}, {self.batch.payments} payments"
        return [
            f"batch {self.batch.batch_conversion_id}: {self.batch.status}, {worth}",
            f"ChangeNow says: {self.changenow} (exchange {self.batch.cn_api_id or 'not made'})",
            f"order: {order}{waiting}, to {self.batch.payin_address or 'nobody'}",
        ]


@contextmanager
def steering() -> Iterator[CheckContext]:
    """Hold the check's lock, so that nothing else moves a batch meanwhile; raises Away while a check runs."""
    dependencies = wire_check(check_settings(), statements=STATEMENTS)
    try:
        with dependencies.database.exclusive(CHECK_LOCK) as session:
            if session is None:
                raise Away("a check is running, which may move the batch: try again in a moment")
            _require_right_time(dependencies, session)
            yield make_context(dependencies, session, _policy_in_force(session))
    finally:
        dependencies.database.close()


def _require_right_time(dependencies: CheckDependencies, session: Session) -> None:
    """Refuse by a clock that is off: an order is dead or alive by its age, and its token is taken by its time."""
    before = dependencies.now()
    row = session.row("read_clock")
    assert row is not None
    ahead, behind = before - row["now"], row["now"] - dependencies.now()
    if max(ahead, behind) > CLOCK_OFF_MAX:
        off = f"{ahead.total_seconds():.0f} s ahead of" if ahead > behind else f"{behind.total_seconds():.0f} s behind"
        raise NotDone(f"this machine's clock is {off} the database's, and an order is judged by it: set it right first")


def gather_alive(check: CheckContext, name: str) -> Evidence:
    """Read the batch of that name, ask ChangeNow, look into the queue; raises Away where one of them does not answer.

    A batch that has ended is refused before anybody is asked about it.
    """
    with check.session.transaction() as transaction:
        batch = read_batch(transaction, find_batch(transaction, name))
    _require_alive(batch)
    return _gather(check, batch)


def _gather(check: CheckContext, batch: Batch) -> Evidence:
    row = check.session.row("count_resent", batch_conversion_id=batch.batch_conversion_id)
    assert row is not None
    state, changenow = _ask(check, batch)
    tasks = list_order_tasks(check.orders, batch.batch_conversion_id, row["orders"]) if batch.order_prepared_at else []
    return Evidence(check.now(), batch, state, changenow, tasks=tasks, resent=row["orders"])


def _require_alive(batch: Batch) -> None:
    if batch.status not in ("pending", "swapping"):
        name = batch.batch_conversion_id
        raise NotDone(f"batch {name} is {batch.status}, which is final; see: ./microbatch batch {name}")


def _ask(check: CheckContext, batch: Batch) -> tuple[ExchangeState | None, str]:
    if batch.cn_api_id is None:
        return None, NO_EXCHANGE
    try:
        state = check.exchange.get_exchange(batch.cn_api_id)
    except ExchangeRefused as refusal:
        return None, UNKNOWN_THERE if refusal.is_not_found else f"refused ({refusal.code})"
    return state, state.status


def make_context(dependencies: CheckDependencies, session: Session, policy: Policy) -> CheckContext:
    """Put together what a check works with, on a session of one's own."""
    return CheckContext(
        dependencies.settings,
        session,
        dependencies.exchange,
        dependencies.orders,
        CheckFence(dependencies.fence),
        policy=policy,
        began_at=dependencies.now(),
        now=dependencies.now,
        sleep=dependencies.sleep,
    )


def _policy_in_force(queries: Queries) -> Policy:
    """The policy that the last check went by."""
    row = queries.row("get_last_valid_policy")
    return policy_on_record(row["policy"] if row else None).policy
