"""What a check would do now: the same levers, the same decision, the same quote, in a session that cannot write."""

import uuid
from dataclasses import dataclass
from typing import Any, Final

from ops.command_line.database import STATEMENTS
from ops.command_line.failures import Away
from ops.command_line.text import count, rules
from ops.outside.environment import check_settings
from ops.situation.reasons import explain_reason
from ops.steering.evidence import make_context
from shared.errors import NoQuote
from shared.flow.batch.opening import Opening
from shared.flow.breaker import is_breaker_open
from shared.flow.check import list_batches_to_resume
from shared.flow.check_record import Snapshot, get_swap_cost_usd, get_total_pending_usd
from shared.flow.context import CheckContext
from shared.flow.threshold_and_policy import get_micro_batch_policy, get_micro_batch_threshold
from shared.model.money import dollars, plain
from shared.model.quote import Offer
from shared.model.reasons import Reason
from shared.wiring.check_threshold import wire_check

DRY_RUN_LOCK: Final = 0x6D69_6372_6F64  # "microd": its own, so that no check waits for a dry run


@dataclass(frozen=True)
class Forecast:
    """What a check would come to: its reason, the first batch that it would open, what it would finish before."""

    snapshot: Snapshot
    reason: Reason
    offer: Offer | None
    batches_left: int

    @property
    def document(self) -> dict[str, Any]:
        """The forecast for a program."""
        quote = None
        if self.offer is not None:
            quote = {
                "payments": self.offer.sums.payments,
                "total_usd": self.offer.sums.total_usd,
                "amount_eth": self.offer.quote.amount_eth,
                "estimated_usdt": self.offer.quote.estimated_usdt,
            }
        return {
            "dry_run": True,
            "reason": self.reason,
            "would_open": self.offer is not None,
            "quote": quote,
            "pending_usd": self.snapshot.pending.pending_usd,
            "pending_payments": self.snapshot.pending.payments,
            "threshold_usd": self.snapshot.threshold.threshold_usd,
            "threshold_source": self.snapshot.threshold.source,
            "batches_left_to_finish": self.batches_left,
        }

    @property
    def lines(self) -> list[str]:
        """The forecast for a reader."""
        said, lever = explain_reason(self.reason)
        threshold, pending = self.snapshot.threshold, self.snapshot.pending
        lines = [
            f"pending    {dollars(pending.pending_usd)}, {count(pending.payments, 'payment')}",
            f"threshold  {dollars(threshold.threshold_usd)} ({threshold.source})",
            f"policy     {rules(self.snapshot.policy.policy)}",
        ]
        if self.batches_left:
            lines.append(f"before     {count(self.batches_left, 'batch')} without an order would be brought on first")
        lines.append(f"decision   {'would open a batch' if self.offer else 'would wait'} ({self.reason}): {said}")
        if self.offer is not None:
            quote, sums = self.offer.quote, self.offer.sums
            lines.append(
                f"quote      {plain(quote.amount_eth)} ETH for {count(sums.payments, 'payment')} of "
                f"{dollars(sums.total_usd)}, about {plain(quote.estimated_usdt)} USDT"
            )
        elif lever:
            lines.append(f"           what would change it: {lever}")
        return lines


class _DryOpening(Opening):
    """Goes the way of a real opening, quote and all, up to its first claim, and stops there."""

    offer: Offer | None = None

    def _claim(self, offer: Offer) -> uuid.UUID:
        self.offer = offer
        raise NoQuote(self._reason)


def forecast_check(*, forced: bool) -> Forecast:
    """Decide as a check would, and write nothing; raises Away while another dry run goes on."""
    dependencies = wire_check(check_settings(), statements=STATEMENTS)
    try:
        with dependencies.database.exclusive(DRY_RUN_LOCK) as session:
            if session is None:
                raise Away("another dry run goes on; try again in a moment")
            session.execute("forbid_writing")
            policy = get_micro_batch_policy(dependencies.secrets, session)
            check = make_context(dependencies, session, policy.policy)
            threshold = get_micro_batch_threshold(dependencies.secrets, session)
            now = check.now()
            pending = get_total_pending_usd(session, policy.policy, now)
            swap_cost_usd = get_swap_cost_usd(session, policy.policy)
            return _forecast(check, Snapshot(pending, threshold, policy, forced, now, swap_cost_usd=swap_cost_usd))
    finally:
        dependencies.database.close()


def _forecast(check: CheckContext, snapshot: Snapshot) -> Forecast:
    left = list_batches_to_resume(check)
    opening = _DryOpening(check, snapshot)
    stopped_by = check.fence.blocked_by or (Reason.DEPOSITS_LOST if is_breaker_open(check) else None)
    reason = stopped_by or opening.open_what_is_due()
    return Forecast(opening.snapshot, reason, opening.offer, len(left))
