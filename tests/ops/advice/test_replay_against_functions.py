"""The replay's batches are those that the functions themselves open, check by check."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ops.advice.arrivals import Arrivals
from ops.advice.cost_rule import CostRule
from ops.advice.replay import Levers, replay
from sandbox.changenow.market import Market
from shared.model.money import from_units
from shared.model.policy import CostRatio
from tests.ops.economics.traffic import daily_cycle
from tests.rig import Rig

PAYMENTS = 2_000
K = Decimal("0.05")
# A percentage and a minimum would hold back what the levers would open: another matter, and not the replay's. The one
# fee left is what a swap costs, far below what any batch is worth.
FREE = Market(
    fee_pct=Decimal(0),
    slippage_pct=Decimal(0),
    min_eth=Decimal(0),
    network_fees={"eth": Decimal(0), "usdt": K},
)
CHECKS_MAX = 5


@dataclass(frozen=True)
class Case:
    """Levers and their policy, with the reasons that have to come up."""

    levers: Levers
    policy: str
    reasons: frozenset[str]


BY_SUM_OR_AGE = Case(
    Levers(threshold_usd=Decimal("300.00"), max_age_hours=Decimal("1.5")),
    '{"max_age_hours": 1.5}',
    frozenset({"threshold_reached", "over_age"}),
)
BY_COST = Case(
    Levers(
        threshold_usd=Decimal("300.00"), cost_rule=CostRule(CostRatio(Decimal("0.000125"), Decimal("0.8")), swap_usd=K)
    ),
    '{"cost_ratio": {"start": 0.000125, "tau_hours": 0.8}}',
    frozenset({"threshold_reached", "cost_ratio"}),
)
BY_ANY = Case(
    replace(BY_COST.levers, max_age_hours=Decimal("1.25")),
    '{"cost_ratio": {"start": 0.000125, "tau_hours": 0.8}, "max_age_hours": 1.25}',
    frozenset({"threshold_reached", "cost_ratio", "over_age"}),
)


def came_in(rig: Rig, arrivals: Arrivals, first: int, end: int) -> None:
    """Insert the payments that came in since the check before."""
    for number in range(first, end):
        rig.pay(
            str(from_units(arrivals.amounts[number])), age=rig.clock() - arrivals.moment(arrivals.instants_us[number])
        )


def settle(rig: Rig) -> Mapping[str, Any]:
    """Complete the newest batch, as its callback would; a slow machine may need another check to order it."""
    for _ in range(CHECKS_MAX):
        if rig.batches()[-1]["task_enqueued_at"]:
            break
        rig.check()
    batch = rig.batches()[-1]
    received = (batch["total_eth_usd"] * Decimal("0.99")).quantize(Decimal("1e-6"))
    rig.pay_out(batch, str(received))
    rig.call_back(rig.response(batch, str(received)))
    return batch


def told_once(rig: Rig, arrivals: Arrivals) -> None:
    """Let a batch of the day before tell what a swap costs: before any has, the rule that goes by it is silent."""
    rig.clock.now = arrivals.moment(arrivals.instants_us[0])
    rig.clock.forward(days=-1)
    rig.pay("30.00")
    rig.check(forced=True)
    settle(rig)


def driven(rig: Rig, arrivals: Arrivals) -> list[tuple[datetime, int]]:
    """Let the payments come in and run every check: when batches were opened, of how many payments."""
    opened: list[tuple[datetime, int]] = []
    seen = 0
    for tick in range(arrivals.ticks[0], arrivals.ticks[-1] + 1):
        rig.clock.now = arrivals.moment(tick * arrivals.interval_us)
        end = arrivals.seen_at(tick)
        came_in(rig, arrivals, seen, end)
        seen = end
        if rig.check().opened:
            batch = rig.batches()[-1]
            opened.append((batch["created_at"].replace(tzinfo=UTC), batch["payments_count"]))
            settle(rig)
    return opened


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(BY_SUM_OR_AGE, id="sum-or-age"),
        pytest.param(BY_COST, id="cost-ratio"),
        pytest.param(BY_ANY, id="sum-age-or-cost-ratio"),
    ],
)
def test_the_functions_open_the_batches_of_the_replay(rig: Rig, case: Case) -> None:
    """Two thousand payments of some days and nights: every batch holds the same payments, at the same check."""
    arrivals = daily_cycle(payments_an_hour=72, days=2, mean_usd=10)
    arrivals = Arrivals(arrivals.instants_us[:PAYMENTS], arrivals.amounts[:PAYMENTS])
    assert len(arrivals) == PAYMENTS
    rig.set_threshold(str(case.levers.threshold_usd))
    rig.set_policy(case.policy)
    with closing(Rig(rig.url, rig.peers, {"HTTP_TIMEOUT_S": "12"})) as patient:
        patient.peers.exchange.market = replace(FREE, network_fees=dict(FREE.network_fees))
        told_once(patient, arrivals)
        opened = driven(patient, arrivals)
        reasons = {row["reason"] for row in patient.checks() if row["decision"] == "open"}
    assert opened == [
        (arrivals.moment(tick * arrivals.interval_us), end - first)
        for tick, first, end in replay(arrivals, case.levers)
    ]
    assert reasons - {"forced"} == case.reasons
