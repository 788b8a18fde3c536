"""The simulation can fail: each classic mistake, planted in the running code, is seen within so many seeds."""

import pytest

from tests.simulation.defects.defect import Defect
from tests.simulation.defects.planted import DEFECTS
from tests.simulation.engine.play import play
from tests.simulation.world.servers import Servers


@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name.replace(" ", "_") for defect in DEFECTS])
def test_the_mistake_is_seen(servers: Servers, defect: Defect) -> None:
    """One of the first so many seeds breaks a rule that the sound code keeps."""
    for seed in range(defect.seeds):
        history = defect.history(seed)
        with defect.plant():
            broken = play(servers, history).broken
        if broken is not None:
            assert play(servers, history).broken is None, "the sound code breaks it as well"
            return
    pytest.fail(f"{defect.seeds} seeds did not show: {defect.name}")


def test_there_are_enough_of_them() -> None:
    """Forty at least, and no name twice."""
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 40
