"""What stands before a check or a callback, seen from the outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sandbox.changenow.market import Market
from tests.simulation.model.levers import Policy

if TYPE_CHECKING:
    from tests.simulation.world.world import World

Row = dict[str, Any]

PAYMENTS: Final = """
    SELECT id, accumulated_eth AS usd, payment_amount_usd AS paid_usd, is_paid_out, conversion_status AS status,
        batch_conversion_id AS batch_id, nowpayments_outcome_amount AS eth,
        CASE WHEN created_at > '0001-01-01' AND created_at < '9999-01-01' THEN created_at END AS created_at
    FROM payout_accumulation AS payment ORDER BY payment.created_at, id"""
BATCHES: Final = """
    SELECT batch_conversion_id AS id, conversion_status AS status, total_eth_usd AS usd, amount_eth, cn_api_id,
        order_prepared_at, task_enqueued_at, reconcile_after, amount_accepted_at, stuck_reported_at, settled_by,
        actual_usdt_received AS received, conversion_tx_hash AS tx_hash, opened_because
    FROM batch_conversions ORDER BY batch_conversions.id"""
EARLIEST: Final = datetime(2015, 1, 1)  # noqa: DTZ001 - as the table has it
AHEAD_MAX: Final = timedelta(days=1)
CENT: Final = Decimal("0.01")


@dataclass(frozen=True)
class Situation:
    """One instant: *now* is the instance's own clock, naive UTC as the tables have it."""

    now: datetime
    payments: Sequence[Row]
    batches: Sequence[Row]
    threshold_usd: Decimal
    policy: Policy | None  # None: none was ever valid, and what is there now cannot be read
    is_threshold_readable: bool
    is_policy_readable: bool
    market: Market
    checks: int

    @property
    def alive(self) -> list[Row]:
        """The batches in flight."""
        return [batch for batch in self.batches if batch["status"] in ("pending", "swapping")]

    def claimable(self) -> list[Row]:
        """The pending payments that can be claimed, oldest first."""
        return [row for row in self.payments if row["status"] == "pending" and why_unclaimable(row, self.now) is None]

    def unclaimable(self) -> list[Row]:
        """The pending payments that never can."""
        return [row for row in self.payments if row["status"] == "pending" and why_unclaimable(row, self.now)]


def why_unclaimable(payment: Row, now: datetime) -> str | None:
    """Why a payment is never claimed, in the words of design section 4; None where it can be."""
    usd, created_at = payment["usd"], payment["created_at"]
    if usd is None or not usd.is_finite() or usd <= 0:
        return "no_dollars"
    if created_at is None or created_at < EARLIEST or created_at > now + AHEAD_MAX:
        return "no_time"
    if usd > payment["paid_usd"] + CENT:
        return "dollars_above_payment"
    return "already_paid_out" if payment["is_paid_out"] else None


def look(world: "World", now: datetime) -> Situation:
    """Take in what stands at this instant."""
    sql = world.observer.sql
    threshold_usd, is_threshold_readable = world.levers.threshold(sql)
    policy, is_policy_readable = world.levers.policy(sql)
    return Situation(
        now=now.astimezone(UTC).replace(tzinfo=None),
        payments=sql(PAYMENTS),
        batches=sql(BATCHES),
        threshold_usd=threshold_usd,
        policy=policy,
        is_threshold_readable=is_threshold_readable,
        is_policy_readable=is_policy_readable,
        market=world.market,
        checks=sql("SELECT COUNT(*) AS checks FROM threshold_checks")[0]["checks"],
    )
