"""What stands before a check or a callback, seen from the outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sandbox.changenow.market import Market
from tests.simulation.model.fence import is_behind
from tests.simulation.model.levers import Policy

if TYPE_CHECKING:
    from tests.simulation.world.world import World

Row = dict[str, Any]

PAYMENTS: Final = """
    SELECT id, accumulated_eth AS usd, payment_amount_usd AS paid_usd, is_paid_out, conversion_status AS status,
        batch_conversion_id AS batch_id, nowpayments_outcome_amount AS eth,
        CASE WHEN created_at > '0001-01-01' AND created_at < '9999-01-01' THEN created_at END AS created_at,
        EXISTS (SELECT FROM batch_conversions AS batch
            WHERE batch.batch_conversion_id = payment.batch_conversion_id AND batch.opened_because IS NULL
                AND batch.conversion_status IS DISTINCT FROM 'swapping') AS is_left_behind
    FROM payout_accumulation AS payment ORDER BY payment.created_at, id"""
BATCHES: Final = """
    SELECT batch_conversion_id AS id, conversion_status AS status, total_eth_usd AS usd, amount_eth, cn_api_id,
        order_prepared_at, task_enqueued_at, reconcile_after, amount_accepted_at, stuck_reported_at, settled_by,
        actual_usdt_received AS received, conversion_tx_hash AS tx_hash, opened_because, failure_reason,
        accepted_usdt, late_usdt_received AS late_usdt, deposit_lost_at, processing_started_at AS exchange_made_at,
        quoted_usdt, deposit_fee_eth, withdrawal_fee_usdt, market_usdt_per_eth, exchange_status,
        COALESCE(processing_started_at, created_at) AS made_at,
        total_eth_usd = (SELECT SUM(accumulated_eth) FROM payout_accumulation AS payment
            WHERE payment.batch_conversion_id = batch_conversions.batch_conversion_id) AS holds_its_total
    FROM batch_conversions ORDER BY batch_conversions.id"""
EARLIEST: Final = datetime(2015, 1, 1)  # noqa: DTZ001 - as the table has it
AHEAD_MAX: Final = timedelta(days=1)
CENT: Final = Decimal("0.01")
BEFORE_CUT_OVER: Final = "before_cut_over"


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
    ours_from: datetime | None  # None: nobody has decided on the cut-over
    held: frozenset[int]  # payments whose rows others hold locked
    is_behind: bool  # a backup was put back, and orders that are out are forgotten
    restored_at: datetime  # when that was, or when people last dealt with it

    @property
    def alive(self) -> list[Row]:
        """The batches in flight."""
        return [batch for batch in self.batches if batch["status"] in ("pending", "swapping")]

    def claimable(self) -> list[Row]:
        """The pending payments that can be claimed, oldest first."""
        return [row for row in self.payments if waits(row) and why_unclaimable(row, self.now, self.ours_from) is None]

    def is_held(self, batch: Row) -> bool:
        """Whether somebody holds a row of a batch's payments, so that it can neither be completed nor given back."""
        return any(row["id"] in self.held for row in self.payments if row["batch_id"] == batch["id"])

    def unclaimable(self) -> list[str]:
        """The payments that wait, or stand where no service knows them, and never can be; apart from the cut-over's."""
        reasons = [why_unclaimable(row, self.now, self.ours_from) for row in self.payments if waits(row)]
        return [reason for reason in reasons if reason not in (None, BEFORE_CUT_OVER)]


def waits(payment: Row) -> bool:
    """Whether a payment waits for a batch, or for somebody to look: it has not ended, and is in no batch's swap."""
    is_swapping = payment["status"] == "swapping" and payment["batch_id"] is not None and not payment["is_left_behind"]
    return payment["status"] not in ("completed", "failed") and not is_swapping


def why_unclaimable(payment: Row, now: datetime, ours_from: datetime | None) -> str | None:
    """Why a payment that waits is never claimed, in the words of design section 4; None where it can be."""
    created_at = payment["created_at"]
    if created_at is not None and (ours_from is None or created_at < ours_from):
        return BEFORE_CUT_OVER
    if payment["status"] != "pending" or payment["batch_id"] is not None:
        return "unknown_status"
    return _why_not_by_facts(payment, now)


def _why_not_by_facts(payment: Row, now: datetime) -> str | None:
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
        ours_from=world.levers.ours_from,
        held=world.observer.held.ids,
        is_behind=is_behind(world),
        restored_at=world.backups.changed_at,
    )
