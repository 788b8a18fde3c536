"""The policy's cost rule in an arithmetic of its own: what the newest swap cost, beside what waits and for how long."""

import math
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from tests.simulation.model.levers import CostRatio
from tests.simulation.model.situation import Row

NEWEST: Final = 100  # what is more batches ago says nothing about now
LARGEST_POWER: Final = 700.0  # of e, that a float holds


def find_cost_usd(batches: Sequence[Row]) -> Decimal | None:
    """What a swap costs whatever its size, by the newest batch of ours whose quote told it; *batches* come by id."""
    ours = [batch for batch in batches if batch["opened_because"]]
    told = (_cost_usd(batch) for batch in reversed(ours[-NEWEST:]))
    return next((cost_usd for cost_usd in told if cost_usd), None)


def _cost_usd(batch: Row) -> Decimal | None:
    """Both network fees in dollars."""
    price: Decimal | None = batch["market_usdt_per_eth"]
    if price is None and batch["amount_eth"]:
        price = batch["quoted_usdt"] / batch["amount_eth"]
    fee_usdt, fee_eth = batch["withdrawal_fee_usdt"], batch["deposit_fee_eth"]
    return None if price is None or fee_usdt is None or fee_eth is None else fee_usdt + fee_eth * price


def is_cheap(rule: CostRatio | None, cost_usd: Decimal | None, total_usd: Decimal, age: timedelta) -> bool:
    """Whether a swap's cost is at most its share of what waits, a share that grows with the oldest payment's age."""
    if rule is None or not cost_usd:
        return False
    power = max(age, timedelta()) / timedelta(hours=1) / float(rule.tau_hours)
    return float(cost_usd / total_usd) <= float(rule.start) * math.exp(min(power, LARGEST_POWER))
