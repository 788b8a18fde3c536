"""Which pending payments a batch may take: those within the cap and the exchange's maximum, and worth their dollars."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sandbox.changenow.market import Market
from tests.simulation.model.levers import Policy
from tests.simulation.model.situation import Row

UNSURE_PCT: Final = Decimal(3)  # how exactly the model knows an estimate of ChangeNow's
UNSURE_USD: Final = Decimal("0.8")  # and its fees


@dataclass(frozen=True)
class Fitting:
    """Payments, oldest first, by whether they fit; *capped* are within the policy's cap, whatever ChangeNow says."""

    capped: list[Row]
    surely: list[Row]
    perhaps: list[Row]  # too near to a limit for the model to tell

    @property
    def possible(self) -> list[Row]:
        """Those that may be taken, oldest first."""
        ids = {row["id"] for row in (*self.surely, *self.perhaps)}
        return [row for row in self.capped if row["id"] in ids]

    @property
    def are_all_sure(self) -> bool:
        """Whether none is near to a limit."""
        return not self.perhaps

    def without(self, held: frozenset[int]) -> "Fitting":
        """The same without the payments whose rows others hold: a claim that meets one sets it aside."""
        kinds = (self.capped, self.surely, self.perhaps)
        return Fitting(*([row for row in kind if row["id"] not in held] for kind in kinds))


def sort_out(pending: Sequence[Row], policy: Policy, market: Market) -> Fitting:
    """Tell payments apart by whether a batch may take them."""
    cap_usd = policy.max_batch_usd
    capped = [row for row in pending if cap_usd is None or row["usd"] <= cap_usd]
    total_usd = sum((row["usd"] for row in capped), Decimal(0)) or Decimal(1)
    slack_pct = UNSURE_PCT + 100 * UNSURE_USD / total_usd
    rooms = [(row, _room_pct(row, policy, market)) for row in capped]
    return Fitting(
        capped,
        [row for row, room_pct in rooms if room_pct > slack_pct],
        [row for row, room_pct in rooms if -slack_pct <= room_pct <= slack_pct],
    )


def _room_pct(payment: Row, policy: Policy, market: Market) -> Decimal:
    """How far within the limits a payment is by itself, in percent; below zero when it is beyond one."""
    usd: Decimal = payment["usd"]
    eth = payment["eth"] if knows_eth(payment) else usd / market.eth_price_usd
    off_pct = abs(eth * market.eth_price_usd - usd) / usd * 100
    room_pct = Decimal(policy.quote_deviation_pct - off_pct)
    if market.max_eth is not None:
        room_pct = min(room_pct, (market.max_eth - eth) / market.max_eth * 100)
    return room_pct


def worth_eth(payments: Sequence[Row], market: Market) -> Decimal:
    """What payments are worth: the ETH they brought in where they know it, the market's price for the others."""
    known_eth: Decimal = sum((row["eth"] for row in payments if knows_eth(row)), Decimal(0))
    unknown_usd: Decimal = sum((row["usd"] for row in payments if not knows_eth(row)), Decimal(0))
    return known_eth + unknown_usd / market.eth_price_usd


def knows_eth(payment: Row) -> bool:
    """Whether the ETH that a payment brought in is known."""
    eth: Any = payment["eth"]
    return eth is not None and bool(eth.is_finite()) and eth > 0


def first_that_fit(payments: Sequence[Row], cap_usd: Decimal | None) -> list[Row]:
    """The oldest payments that keep a cap together; *payments* come oldest first."""
    chosen: list[Row] = []
    total_usd = Decimal(0)
    for row in payments:
        total_usd += row["usd"]
        if cap_usd is not None and total_usd > cap_usd:
            break
        chosen.append(row)
    return chosen
