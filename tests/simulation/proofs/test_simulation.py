"""Seeded histories of a faulty world: no rule of money breaks in any of them."""

from dataclasses import replace

import pytest

from tests.simulation.defects.planted import DEFECTS
from tests.simulation.engine.play import Result, play
from tests.simulation.history.generator import generate, tell_restored
from tests.simulation.history.printing import print_history
from tests.simulation.history.shrinking import shortest
from tests.simulation.history.vocabulary import Check, Conditions, Pay, Payment
from tests.simulation.world.peer_records import RuleBroken
from tests.simulation.world.servers import Servers

SEEDS = 80
SLICES = 8
RESTORED_SEEDS = 16
RESTORED_SLICES = 2
SHRINK_S = 20.0


@pytest.mark.parametrize("part", range(SLICES))
def test_no_rule_breaks(servers: Servers, part: int) -> None:
    """Whatever happens, the rules hold after every step, and two checks in a healed world finish what was left."""
    for seed in range(part, SEEDS, SLICES):
        result = play(servers, generate(seed))
        if result.broken is not None:
            pytest.fail(_printed(shortest(servers, result, SHRINK_S)))


@pytest.mark.parametrize("part", range(RESTORED_SLICES))
def test_a_backup_put_back_pays_nothing_twice(servers: Servers, part: int) -> None:
    """Made and put back at any moment: the rules hold all the same, and all goes on after the operator's word."""
    for seed in range(part, RESTORED_SEEDS, RESTORED_SLICES):
        result = play(servers, tell_restored(seed))
        assert result.journal.counts["backups put back"] or result.broken
        if result.broken is not None:
            pytest.fail(_printed(shortest(servers, result, SHRINK_S)))


@pytest.mark.parametrize("seed", [7, 26, 157, 500_133])
def test_a_seed_is_the_same_history_again(servers: Servers, seed: int) -> None:
    """What is printed with a broken rule can be played again: the same journal, line for line, threads included."""
    assert generate(seed) == generate(seed)
    first, second = (play(servers, generate(seed)) for _ in range(2))
    assert first.broken is None
    assert first.journal == second.journal


def test_a_broken_rule_is_told_with_its_seed_and_the_shortest_history(servers: Servers) -> None:
    """Of a planted mistake's history little more is left than a payment and a check."""
    defect = next(defect for defect in DEFECTS if defect.name == "order before the exchange is stored")
    with defect.plant():
        result = play(servers, generate(3))
        assert isinstance(result.broken, RuleBroken)
        found = shortest(servers, result, SHRINK_S)
    assert len(found.history.actions) <= 2
    assert print_history(found.history, found.broken).startswith("seed 3: the exchange is stored before its order")
    assert "Pay(" in print_history(found.history, found.broken)


def test_the_mended_world_is_quiet(servers: Servers) -> None:
    """A history without faults ends with every payment completed and nothing failed."""
    history = replace(generate(1), actions=(Pay((Payment("10.00"), Payment("15.00"))), Check()))
    result = play(servers, replace(history, conditions=Conditions(odd_fates=False)))
    assert result.broken is None
    assert result.journal.counts["batches completed"] == 1
    assert not result.journal.faults


def _printed(result: Result) -> str:
    return print_history(result.history, result.broken)
