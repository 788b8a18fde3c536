"""Five hundred batches, every difference among them, in less than half a minute."""

import resource
import time

import pytest

from sandbox.chain.node import ChainNode
from tests.ops.account.reconciliation.history import History
from tests.ops.account.reconciliation.test_differences import check_all, plant_all
from tests.ops.conftest import Shell

BATCHES = 500
SECONDS_MAX = 30
MEMORY_MAX_KIB = 64 * 1024  # more than before


@pytest.mark.long
@pytest.mark.timeout(600)
def test_five_hundred_batches(history: History, node: ChainNode, three: Shell) -> None:
    """ChangeNow is asked at its pace, the chain beside it; nothing is found but what was planted."""
    planted = plant_all(history)
    for _ in range(BATCHES - 2 * len(planted)):
        history.complete()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    typed = three("reconcile", "--json")
    took_s = time.monotonic() - began
    check_all(typed, planted)
    assert typed.document["batches"] >= BATCHES
    print(f"{typed.document['batches']} batches in {took_s:.1f} s, {node.ledger.newest} blocks")
    assert took_s < SECONDS_MAX
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_MAX_KIB
