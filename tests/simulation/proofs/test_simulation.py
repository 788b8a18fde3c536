"""Seeded histories of a faulty world: no rule of money breaks in any of them."""

from dataclasses import replace

import pytest

from tests.simulation.engine.player import play
from tests.simulation.engine.turn import Journal
from tests.simulation.history.generator import tell
from tests.simulation.history.shrinking import describe, shortest
from tests.simulation.history.story import Check, Pay, Row
from tests.simulation.proofs.defects import DEFECTS
from tests.simulation.proofs.ledger import RuleBroken
from tests.simulation.world.servers import Servers

SEEDS = 240
SLICES = 8
SHRINK_S = 20.0


@pytest.mark.parametrize("part", range(SLICES))
def test_no_rule_breaks(standing: Servers, part: int) -> None:
    """Whatever happens, the rules hold after every step, and two checks in a healed world finish what was left."""
    for seed in range(part, SEEDS, SLICES):
        result = play(standing, tell(seed))
        if result.broken is not None:
            pytest.fail(describe(shortest(standing, result, SHRINK_S)))


def test_a_seed_is_the_same_history_again(standing: Servers) -> None:
    """What is printed with a broken rule can be played again: same actions, same faults, same end."""
    assert tell(7) == tell(7)
    first, second = (play(standing, tell(7)).journal for _ in range(2))
    assert _without_chance(first) == _without_chance(second)


def test_a_broken_rule_is_told_with_its_seed_and_the_shortest_history(standing: Servers) -> None:
    """Of a planted mistake's history little more is left than a payment and a check."""
    defect = next(defect for defect in DEFECTS if defect.name == "order before the exchange is stored")
    with defect.plant():
        result = play(standing, tell(3))
        assert isinstance(result.broken, RuleBroken)
        found = shortest(standing, result, SHRINK_S)
    assert len(found.history.actions) <= 2
    assert describe(found).startswith("seed 3: the exchange is stored before its order")
    assert "Pay(" in describe(found)


def test_the_mended_world_is_quiet(standing: Servers) -> None:
    """A history without faults ends with every payment completed and nothing failed."""
    history = replace(tell(1), actions=(Pay((Row("10.00"), Row("15.00"))), Check()))
    result = play(standing, replace(history, climate=replace(history.climate, odd_fates=False)))
    assert result.broken is None
    assert result.journal.counts["batches completed"] == 1
    assert not result.journal.faults


def _without_chance(journal: Journal) -> tuple[dict[str, int], dict[str, int]]:
    return dict(journal.counts), dict(journal.faults)
