"""The replay's batches are those that the functions themselves open, check by check."""

from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ops.advice.arrivals import Arrivals
from ops.advice.replay import Levers, replay
from sandbox.changenow.market import Market
from shared.model.money import from_units
from tests.ops.economics.traffic import daily_cycle
from tests.rig import Rig

LEVERS = Levers(threshold_usd=Decimal("300.00"), max_age_hours=Decimal("1.5"))
PAYMENTS = 2_000
# Fees and a minimum would hold back what the levers would open: another matter, and not the replay's.
FREE = Market(
    fee_pct=Decimal(0),
    slippage_pct=Decimal(0),
    min_eth=Decimal(0),
    network_fees=dict.fromkeys(("eth", "usdt"), Decimal(0)),
)
CHECKS_MAX = 5


def came_in(rig: Rig, arrivals: Arrivals, first: int, end: int) -> None:
    """Insert the payments that came in since the check before."""
    for number in range(first, end):
        rig.pay(
            str(from_units(arrivals.amounts[number])), age=rig.clock() - arrivals.moment(arrivals.instants_us[number])
        )


def settle(rig: Rig) -> None:
    """Complete the newest batch, as its callback would; a slow machine may need another check to order it."""
    for _ in range(CHECKS_MAX):
        if rig.batches()[-1]["task_enqueued_at"]:
            break
        rig.check()
    batch = rig.batches()[-1]
    received = (batch["total_eth_usd"] * Decimal("0.99")).quantize(Decimal("1e-6"))
    rig.pay_out(batch, str(received))
    rig.call_back(rig.response(batch, str(received)))


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


@pytest.mark.timeout(600)
def test_the_functions_open_the_batches_of_the_replay(rig: Rig) -> None:
    """Two thousand payments of some days and nights: every batch holds the same payments, at the same check."""
    arrivals = daily_cycle(payments_an_hour=72, days=2, mean_usd=10)
    arrivals = Arrivals(arrivals.instants_us[:PAYMENTS], arrivals.amounts[:PAYMENTS])
    assert len(arrivals) == PAYMENTS
    rig.set_threshold(str(LEVERS.threshold_usd))
    rig.set_policy(f'{{"max_age_hours": {LEVERS.max_age_hours}}}')
    with closing(Rig(rig.url, rig.peers, {"HTTP_TIMEOUT_S": "12"})) as patient:
        patient.peers.exchange.market = FREE
        opened = driven(patient, arrivals)
        reasons = {row["reason"] for row in patient.checks() if row["decision"] == "open"}
    assert opened == [
        (arrivals.moment(tick * arrivals.interval_us), end - first) for tick, first, end in replay(arrivals, LEVERS)
    ]
    assert reasons == {"threshold_reached", "over_age"}
