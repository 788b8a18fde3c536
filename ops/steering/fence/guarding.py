"""What the fence has a say in before an operator steers a batch: a restored database may not know that it is paid."""

from uuid import UUID

from ops.command_line.failures import NotDone
from ops.outside.fence_object import find_fence_object
from ops.steering.fence.standing import Standing, read_standing
from shared.flow.context import CheckContext


def require_remembered(check: CheckContext, batch_conversion_id: UUID, *, vouched: bool) -> None:
    """Refuse to give a batch back while an order of it may be out that the database has forgotten.

    *vouched*: a person has looked into GCHostPay1's log, which is all there is where the fence no longer lists enough.
    """
    standing = _read_standing(check)
    if standing is None:
        return
    if any(lacked.order.batch_conversion_id == batch_conversion_id for lacked in standing.missing):
        raise NotDone(
            f"the database has forgotten an order of batch {batch_conversion_id} that is out; first: "
            f"./microbatch fence enter {batch_conversion_id}"
        )
    if not (standing.is_complete or vouched):
        raise NotDone("the database has forgotten orders that the fence no longer lists; see: ./microbatch fence show")


def require_no_order_forgotten(check: CheckContext) -> None:
    """Refuse to order while the database has forgotten an order; else let the next one be raised from the fence."""
    standing = _read_standing(check)
    if standing is not None and standing.is_behind:
        raise NotDone("the database has forgotten orders that are out; see: ./microbatch fence show")
    check.fence.look(check.session)


def _read_standing(check: CheckContext) -> Standing | None:
    """How the database stands to the fence; None where none is kept."""
    stored = find_fence_object()
    if stored is None:
        _require_no_fence_kept(check)
        return None
    return read_standing(stored, check.session)


def _require_no_fence_kept(check: CheckContext) -> None:
    """Refuse to steer past a fence that the checks keep and this shell was not told of."""
    kept = check.session.row("is_fence_kept")
    if kept is not None and kept["is_kept"]:
        raise NotDone("the checks keep a fence, and FENCE is not set here: give the functions' own, gs://bucket/object")
