"""Why a check opened a batch, or why it did not; and why a payment was left out."""

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """The words in ``threshold_checks.reason``."""

    THRESHOLD_REACHED = "threshold_reached"
    FORCED = "forced"
    OVER_AGE = "over_age"
    PAYMENT_COUNT = "payment_count"
    COST_RATIO = "cost_ratio"
    BELOW_THRESHOLD = "below_threshold"
    POLICY_UNREADABLE = "policy_unreadable"
    CUT_OVER_PENDING = "cut_over_pending"
    PAUSED = "paused"
    IN_FLIGHT_LIMIT = "in_flight_limit"
    BELOW_EXCHANGE_MINIMUM = "below_exchange_minimum"
    ABOVE_EXCHANGE_MAXIMUM = "above_exchange_maximum"
    QUOTE_REFUSED = "quote_refused"
    EXCHANGE_UNAVAILABLE = "exchange_unavailable"
    EXCHANGE_REFUSED = "exchange_refused"
    RESUME_FAILED = "resume_failed"
    DEPOSITS_LOST = "deposits_lost"
    DATABASE_BEHIND = "database_behind"
    FENCE_LOST = "fence_lost"
    FENCE_UNAVAILABLE = "fence_unavailable"
    CLAIM_CONTENDED = "claim_contended"
    CLAIM_REFUSED = "claim_refused"
    CHECK_IN_PROGRESS = "check_in_progress"


OPENING: Final = frozenset(
    {Reason.THRESHOLD_REACHED, Reason.FORCED, Reason.OVER_AGE, Reason.PAYMENT_COUNT, Reason.COST_RATIO}
)


class LeftOut(StrEnum):
    """The words in ``threshold_checks.unclaimable_by_reason`` that the view ``unclaimable_payments`` cannot know.

    They depend on the policy, on a quote, or on the moment: the next check asks again.
    """

    ABOVE_BATCH_CAP = "above_batch_cap"
    ABOVE_EXCHANGE_MAXIMUM = "above_exchange_maximum"
    ETH_NOT_WORTH_DOLLARS = "eth_not_worth_dollars"
    LOCKED = "locked"


BEFORE_CUT_OVER: Final = "before_cut_over"
HELD_RIGHTLY: Final = frozenset({BEFORE_CUT_OVER, "already_paid_out"})
"""Why payments are held as they should be: an operator has said so, or the client has had the money."""
