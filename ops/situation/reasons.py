"""The reasons of a check in plain words, each with what would change it."""

from typing import Final

from shared.model.reasons import LeftOut

MENDABLE: Final = ("no_dollars", "dollars_above_payment")
"""Why payments are held that `mend` can give their worth."""
LEFT_OUT: Final[dict[str, tuple[str, str]]] = {
    LeftOut.ABOVE_BATCH_CAP: ("more than the policy lets into a batch", "./microbatch pending --sort amount"),
    LeftOut.ABOVE_EXCHANGE_MAXIMUM: ("more than ChangeNow takes at once", "./microbatch pending --sort amount"),
    LeftOut.ETH_NOT_WORTH_DOLLARS: ("their ETH is not worth their dollars", "./microbatch pending --sort rate"),
    LeftOut.LOCKED: ("another service held them locked; the next check takes them", ""),
}
"""Why a check left payments out, and how to see them; nothing to type where nobody is needed."""

SAID: Final[dict[str, tuple[str, str]]] = {
    "threshold_reached": ("the threshold was reached", ""),
    "forced": ("it was forced", ""),
    "over_age": ("the oldest payment had waited for as long as the policy lets it", ""),
    "payment_count": ("as many payments waited as the policy lets wait", ""),
    "cost_ratio": ("a swap cost little enough beside what waited, by the policy's cost_ratio", ""),
    "below_threshold": (
        "the pending dollars do not reach the threshold",
        "./microbatch threshold set DOLLARS, or one batch below it: ./microbatch trigger --force",
    ),
    "paused": ("the policy pauses batching", "./microbatch policy resume"),
    "in_flight_limit": (
        "as many batches are in flight as the policy lets be",
        "./microbatch policy set max_in_flight=N, or the end of a batch in flight",
    ),
    "below_exchange_minimum": ("ChangeNow takes no amount as small", "more payments, or a higher threshold"),
    "above_exchange_maximum": ("each payment that waits is more than ChangeNow takes at once", "a person must look"),
    "quote_refused": (
        "the quote was not worth the payments' dollars",
        "a fairer quote, or ./microbatch policy set quote_deviation_pct=PERCENT",
    ),
    "exchange_unavailable": ("ChangeNow did not answer", "the next check asks again"),
    "exchange_refused": ("ChangeNow refused to quote", "see the log of the check"),
    "resume_failed": ("a batch without an order could not be brought on", "see the batches in flight"),
    "claim_contended": ("payments kept moving while they were claimed", "the next check claims again"),
    "claim_refused": ("the database refused to claim a payment", "see the log of the check for the rule that refused"),
    "check_in_progress": ("another check was in progress", "the next check"),
    "force_expired": ("the forced tick came too late", "./microbatch trigger --force"),
    "policy_unreadable": (
        "no policy could be read, and none ever was",
        "./microbatch policy show, and the functions' right to read the secret",
    ),
    "cut_over_pending": ("nobody has decided from when on payments are ours", "./microbatch cut-over"),
    "deposits_lost": ("deposits were lost, and the breaker opened", "./microbatch breaker show"),
    "database_behind": ("the database has forgotten orders that are out", "./microbatch fence show"),
    "fence_unavailable": ("the fence could not be read or written", "the next check tries again"),
    "fence_lost": ("the fence is gone, or holds something else", "./microbatch fence show"),
}


def explain_reason(reason: str) -> tuple[str, str]:
    """Return a reason in plain words and what would change it; nothing to type is an empty text."""
    return SAID.get(reason, (reason, ""))
