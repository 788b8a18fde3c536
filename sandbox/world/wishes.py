"""What a world is to be like: levers, neighbours, times."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from sandbox.changenow.exchange import Schedule
from sandbox.peers.gcaccumulator_inserts import Generation
from sandbox.peers.gchostpay1 import Behaviour
from sandbox.world.furnishing import ORDER_ATTEMPTS


@dataclass(frozen=True)
class Wishes:
    """The defaults are the deployed world, with short times."""

    threshold_usd: str = "20.00"
    policy: str | None = None  # the JSON of MICRO_BATCH_POLICY; None: no such secret
    fee_pct: Decimal = Decimal(3)
    schedule: Schedule = field(default_factory=Schedule)  # how fast an exchange goes
    gcaccumulator: Generation = Generation.OCTOBER
    gchostpay1: Behaviour = field(default_factory=Behaviour)
    gchostpay1_interval_s: float = 1.0  # between its questions; 300 s in production
    order_attempts: int = ORDER_ATTEMPTS  # 10 for a GCHostPay1 that checks for duplicates
    gcaccumulator_url: str = ""  # a team's own service instead of the stand-in
    gchostpay1_url: str = ""  # likewise
    chain: bool = False  # ETH and USDT move by transactions on a chain of its own
    old_payments_usd: tuple[str, ...] = ()  # that wait in the tables when ours are installed
    environment: Mapping[str, str] = field(default_factory=dict)  # further settings of the functions


FIRST_DAY: Final = Wishes(policy='{"paused": treu}', old_payments_usd=("12.00", "18.00"))
"""Just installed: payments wait that nobody has decided about, and no policy was ever valid."""
