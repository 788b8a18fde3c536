"""The simulation can fail: each classic mistake, planted in the running code, is seen within so many seeds."""

import pytest

from tests.simulation.engine.play import play
from tests.simulation.proofs.defects import DEFECTS, Defect
from tests.simulation.world.servers import Servers


@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name.replace(" ", "_") for defect in DEFECTS])
def test_the_mistake_is_seen(servers: Servers, defect: Defect) -> None:
    """One of the first so many seeds breaks a rule that the sound code keeps."""
    for seed in range(defect.seeds):
        history = defect.generate(seed)
        with defect.plant():
            broken = play(servers, history).broken
        if broken is not None:
            assert play(servers, history).broken is None, "the sound code breaks it as well"
            return
    pytest.fail(f"{defect.seeds} seeds did not show: {defect.name}")


def test_there_are_enough_of_them() -> None:
    """At least the eight that everybody makes."""
    assert len(DEFECTS) >= 8
