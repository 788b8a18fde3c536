"""Which payments a new batch must hold: the oldest that fit, all of them, and none twice."""

from collections.abc import Sequence
from typing import Final

from tests.simulation.model.decision import expect_quote
from tests.simulation.model.fitting import Fitting, first_that_fit, sort_out
from tests.simulation.model.levers import Policy
from tests.simulation.model.situation import Row, Situation
from tests.simulation.world.peer_records import RuleBroken

RULE: Final = "a batch holds the oldest payments that fit"
BATCHES_MAX: Final = 20  # a check


def must_hold_the_oldest(
    situation: Situation, pending: Sequence[Row], opened: Sequence[Row], claimed: dict[str, list[Row]]
) -> None:
    """Compare new batches, in the order of their opening, with the payments that waited; *claimed* is by batch."""
    policy = situation.policy
    assert policy is not None, "without a policy nothing is opened"
    left = list(pending)
    for batch in opened:
        if batch["status"] == "failed":  # given back at once: what it held waits again
            return
        mine = {row["id"] for row in claimed.get(str(batch["id"]), [])}
        fitting = sort_out(left, policy, situation.market).without(situation.held)
        if not mine <= {row["id"] for row in fitting.possible}:
            raise RuleBroken(RULE, f"batch {batch['id']} holds {sorted(mine)}, some of which do not fit")
        _must_be_the_first(situation, policy, fitting, mine)
        left = [row for row in left if row["id"] not in mine]
    _must_leave_nothing(situation, policy, left, opened)


def _must_be_the_first(situation: Situation, policy: Policy, fitting: Fitting, mine: set[int]) -> None:
    possible = fitting.possible
    # A row that is held and would not have fitted the cap anyway ends the batch before the younger that would
    is_plain = situation.market.max_eth is None and not (situation.held and policy.max_batch_usd)
    if fitting.are_all_sure and is_plain:
        expected = {row["id"] for row in first_that_fit(possible, policy.max_batch_usd)}
        if mine != expected:
            raise RuleBroken(RULE, f"expected {sorted(expected)} under a cap of {policy.max_batch_usd}, saw {mine}")
    surely = {row["id"] for row in fitting.surely}
    newest = max(index for index, row in enumerate(possible) if row["id"] in mine)
    for row in possible[:newest]:
        if row["id"] in surely - mine:
            raise RuleBroken(RULE, f"payment {row['id']} is older than others of {sorted(mine)}, fits, and was left")


def _must_leave_nothing(situation: Situation, policy: Policy, left: Sequence[Row], opened: Sequence[Row]) -> None:
    """Whatever fits another batch of the same check goes into it."""
    fitting = sort_out(left, policy, situation.market).without(situation.held)
    in_flight = len(situation.alive) + len(opened)
    is_full = policy.max_in_flight is not None and in_flight >= policy.max_in_flight
    if is_full or not fitting.surely or len(opened) >= BATCHES_MAX or situation.market.max_eth is not None:
        return
    if fitting.are_all_sure and expect_quote(situation, fitting.surely).must_open:
        raise RuleBroken(RULE, f"payments {[row['id'] for row in fitting.surely]} were left and fit a further batch")
