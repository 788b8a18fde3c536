"""The breaker: deposits that end without a payout stop new batches until an operator has looked."""

from datetime import timedelta
from typing import Final

from shared import logs
from shared.flow.context import CheckContext

COUNTED_FOR: Final = timedelta(hours=24)


def is_breaker_open(check: CheckContext) -> bool:
    """Tell whether so many deposits were lost that nothing new may be opened; says so in the log.

    Refunds count for a day; one deposit whose ETH is not known to have come back is enough, until the breaker is reset.
    """
    row = check.session.row("count_lost_deposits", since=check.now() - COUNTED_FOR)
    assert row is not None
    if row["recent"] < check.policy.max_lost_deposits and not row["unreturned"]:
        return False
    logs.error(
        logs.Event.DEPOSITS_LOST,
        f"Nothing new is opened: {row['recent']} deposits were lost within a day, the ETH of {row['unreturned']} is "
        "not known to have come back; see ./microbatch breaker show, and reset it: ./microbatch breaker reset",
        lost_deposits=row["recent"],
        unreturned_deposits=row["unreturned"],
    )
    return True
