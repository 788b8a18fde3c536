"""What each verb must come to: done where it is certain, refused where it is not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.changenow.exchange import Exchange
from tests.simulation.model.exchanges import LOST
from tests.simulation.model.situation import Row

ORDER_DEAD_AFTER = timedelta(minutes=10)
UNREADABLE = frozenset({"forbidden", "error", "nonsense"})
UNPAID = frozenset({"new", "waiting"})


@dataclass(frozen=True)
class Ground:
    """What a verb about a batch finds: ChangeNow's word, the order in its queue, and the person's own look."""

    batch: Row
    exchange: Exchange | None
    how_bad: str | None
    is_untried: bool  # its order still stands in the queue, and nobody was handed it
    is_vouched: bool  # GCHostPay1's log shows no payment, and none to come
    now: datetime
    is_behind: bool  # the database has forgotten orders,
    is_forgotten: bool  # among them one of this batch

    @property
    def status(self) -> str | None:
        """ChangeNow's word; None where it knows no exchange."""
        if self.how_bad == "unknown" or self.exchange is None:
            return None
        shown = {"new for ever": "new", "verifying for ever": "verifying", "no amount for ever": "finished"}
        return shown.get(self.how_bad or "", self.exchange.status)

    @property
    def is_alive(self) -> bool:
        """Whether the batch has not ended."""
        return self.batch["status"] in ("pending", "swapping")

    @property
    def ordered_at(self) -> datetime | None:
        """When its order left last."""
        known = [at for at in (self.batch["order_prepared_at"], self.batch["task_enqueued_at"]) if at is not None]
        return max(known, default=None)


def may_release(ground: Ground) -> bool:
    """Only what surely was not paid and will not be is given back."""
    if not ground.is_alive or ground.is_forgotten or (ground.how_bad in UNREADABLE and ground.batch["cn_api_id"]):
        return False
    if ground.batch["cn_api_id"] is None or ground.status in LOST:
        return True
    if ground.status is not None and ground.status not in UNPAID:
        return False
    return ground.ordered_at is None or _is_surely_unpaid(ground)


def may_resend(ground: Ground) -> bool:
    """Only a lost order of ours, whose exchange still waits, is sent again; none while the database is behind."""
    is_ours = ground.is_alive and ground.batch["opened_because"] is not None and ground.ordered_at is not None
    is_ours = is_ours and not ground.is_behind
    return is_ours and ground.how_bad is None and ground.status == "waiting" and _is_surely_unpaid(ground)


def may_accept(ground: Ground) -> bool:
    """Only the amount that ChangeNow has paid out is accepted."""
    is_told = ground.how_bad is None and ground.status == "finished"
    return ground.batch["status"] == "swapping" and is_told and ground.exchange is not None


def _is_surely_unpaid(ground: Ground) -> bool:
    assert ground.ordered_at is not None
    is_dead = ground.now - ground.ordered_at >= ORDER_DEAD_AFTER
    return is_dead and (ground.is_untried or ground.is_vouched)
