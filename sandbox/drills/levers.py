"""A lever is set wrong: a letter O in the threshold, a policy that is no JSON, a secret that is gone."""

from collections.abc import Callable
from typing import Final

from sandbox.drills.drill import Drill, End
from sandbox.world.addresses import POLICY_SECRET, PROJECT, THRESHOLD_SECRET
from sandbox.world.world import World

MISTYPED_THRESHOLD: Final = "2O.00"
MISTYPED_POLICY: Final = '{"paused": treu}'
NO_POLICY: Final = "{}"


def _mistype(secret_id: str, value: str) -> Callable[[World], End]:
    """Add a version that cannot be read; the end adds the one before once more."""

    def begin(world: World) -> End:
        before = world.secret_manager.newest(PROJECT, secret_id)
        world.secret_manager.add_version(PROJECT, secret_id, value)
        return lambda: _put_back(world, secret_id, before)

    return begin


def _disable(world: World) -> End:
    world.secret_manager.disable(PROJECT, THRESHOLD_SECRET)
    return lambda: world.secret_manager.enable(PROJECT, THRESHOLD_SECRET)


def _put_back(world: World, secret_id: str, before: bytes | None) -> None:
    world.secret_manager.add_version(PROJECT, secret_id, NO_POLICY if before is None else before)


DRILLS: Final = (
    Drill(
        "threshold-mistyped", f"the threshold is {MISTYPED_THRESHOLD}", _mistype(THRESHOLD_SECRET, MISTYPED_THRESHOLD)
    ),
    Drill("threshold-disabled", "the threshold's newest version is disabled", _disable),
    Drill("policy-mistyped", f"the policy is {MISTYPED_POLICY}", _mistype(POLICY_SECRET, MISTYPED_POLICY)),
)
