"""Mistakes after a restore."""

from typing import Final
from unittest.mock import patch

from shared.flow.fence import CheckFence
from tests.simulation.defects.defect import Defect, Planted
from tests.simulation.history import scenes


def _fence_not_asked() -> Planted:
    """The fence is written, and nobody asks whether the database knows what it says."""
    return patch.object(CheckFence, "judge", lambda *_, **__: None)


RESTORES: Final = (Defect("the fence is not asked", _fence_not_asked, 10, scene=scenes.put_back_before_the_order),)
