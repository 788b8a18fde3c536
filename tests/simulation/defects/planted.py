"""All of them."""

from typing import Final

from tests.simulation.defects.alerts import ALERTS
from tests.simulation.defects.callbacks import CALLBACKS
from tests.simulation.defects.decisions import DECISIONS
from tests.simulation.defects.money import MONEY
from tests.simulation.defects.restores import RESTORES

DEFECTS: Final = (*MONEY, *DECISIONS, *CALLBACKS, *ALERTS, *RESTORES)
