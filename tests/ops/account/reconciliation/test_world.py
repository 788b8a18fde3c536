"""The whole world on a chain: real functions, GCHostPay1 as deployed, and an order that it pays twice."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox.world.environment import operator_environment
from sandbox.world.world import Wishes, World
from tests.ops.account.reconciliation.test_differences import found
from tests.ops.conftest import Shell

COMPLETED = "SELECT * FROM batch_conversions WHERE conversion_status = 'completed' ORDER BY id"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A world whose ETH and USDT move by transactions."""
    with World(Wishes(chain=True)) as running:
        yield running


def swap(world: World) -> None:
    """Let one more batch be opened, paid and completed."""
    before = len(world.query(COMPLETED))
    world.pay("30.00")
    world.trigger()
    world.wait_for(lambda: len(world.query(COMPLETED)) > before, "a completed batch")


@pytest.mark.slow
def test_a_swap_in_the_world_is_one_account(world: World, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the callback and ChangeNow name is on the chain; what GCHostPay1 pays twice is found, by the chain alone."""
    for name, value in operator_environment(world.addresses).items():
        monkeypatch.setenv(name, value)
    swap(world)
    typed = bare_shell("reconcile", "--json")
    assert (typed.code, found(typed), typed.document["matched"]) == (0, [], 1), typed.out
    world.gchostpay1.behaviour = replace(world.gchostpay1.behaviour, pays_times=2)
    swap(world)
    typed = bare_shell("reconcile", "--json")
    (finding,) = found(typed)
    second = world.query(COMPLETED)[-1]
    assert (finding["word"], finding["what"]) == ("unexplained", "second deposit in ETH"), typed.out
    assert finding["batch_conversion_id"] == str(second["batch_conversion_id"])
    assert finding["detail"] == world.gchostpay1.payments[-1].tx_hash != second["payin_hash"]
    assert typed.code == 1
