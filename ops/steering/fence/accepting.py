"""Accepting the fence: orders leave again once every one that the database lacks has been dealt with by a person."""

from typing import Any

from ops.command_line.acts import Act
from ops.command_line.failures import NotDone
from ops.command_line.text import count
from ops.steering.fence.standing import Standing
from shared.flow.context import CheckContext
from shared.model.fence import Fence
from shared.outside.storage import StorageObject


def accept(check: CheckContext, standing: Standing, act: Act, *, unlisted: bool) -> dict[str, Any]:
    """Put on record that the database may go on from the fence as it is; returns what was accepted."""
    _require_dealt_with(standing, unlisted=unlisted)
    fence = standing.stored.fence
    dealt = [f"order {lacked.order.number}: {lacked.dealt_with}" for lacked in standing.lacked]
    position = {"number": fence.number, "batch_conversion_id": fence.batch_conversion_id}
    act.agree(
        [*dealt, f"the database goes on from order {fence.number}: batches are opened and ordered again"],
        "Accept the fence?",
    )
    with check.session.transaction() as transaction:
        act.record(transaction, position | {"dealt_with": dealt, "unlisted": unlisted})
    return position


def make_anew(check: CheckContext, stored: StorageObject, act: Act, *, why_lost: str) -> dict[str, Any]:
    """Make a fence that is gone, or holds something else, at the newest order of the database."""
    newest = check.session.row("read_newest_order")
    assert newest
    number = newest["number"] or 0
    fence = Fence(number, newest["batch_conversion_id"], complete_after=number)
    act.agree(
        [
            why_lost,
            f"it is made anew at order {number}, the database's newest: batches are opened and ordered again",
            "if the database was put back to a backup as well, what it has forgotten would be ordered a second time",
        ],
        "Has the database surely not been restored?",
    )
    found = stored.read()
    stored.write(fence.document, found.generation if found else 0)
    position = {"number": number, "batch_conversion_id": fence.batch_conversion_id}
    with check.session.transaction() as transaction:
        act.record(transaction, position | {"made_anew": True, "why": why_lost})
    return position


def _require_dealt_with(standing: Standing, *, unlisted: bool) -> None:
    if standing.missing:
        first = standing.missing[0].order
        missing = count(len(standing.missing), "order")
        raise NotDone(
            f"{missing} neither entered again nor given up, the first is order {first.number} of batch "
            f"{first.batch_conversion_id}; see: ./microbatch fence show"
        )
    if not standing.is_complete and not unlisted:
        raise NotDone(
            "the database lacks orders that are older than what the fence lists; see: ./microbatch fence show, "
            "and once they are dealt with add --unlisted"
        )
