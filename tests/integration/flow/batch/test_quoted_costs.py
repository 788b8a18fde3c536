"""What a quote tells of a swap's costs is on record with its batch, and no batch waits for it."""

import json
from decimal import Decimal
from typing import Any

import pytest

from sandbox.wire import faults
from shared.model.reasons import Reason
from tests.rig import Rig

ESTIMATE = "GET /exchange/estimated-amount"
COSTS = ("deposit_fee_eth", "withdrawal_fee_usdt", "minimum_eth", "market_usdt_per_eth")


@pytest.fixture
def paid(rig: Rig) -> Rig:
    """A database in which $25 wait."""
    rig.pay("10.00", "15.00")
    return rig


def costs(rig: Rig) -> dict[str, Decimal | None]:
    """The newest batch's costs."""
    return {name: rig.batches()[-1][name] for name in COSTS}


def test_fees_minimum_and_the_markets_rate_are_kept(paid: Rig) -> None:
    """As ChangeNow told them; the rate between its quotes either way is the market's own, to the cent."""
    market = paid.peers.exchange.market
    asked_before = len(paid.peers.exchange.requests)
    assert paid.check().reason == Reason.THRESHOLD_REACHED
    kept = costs(paid)
    assert kept["deposit_fee_eth"] == market.network_fees["eth"]
    assert kept["withdrawal_fee_usdt"] == market.network_fees["usdt"]
    assert kept["minimum_eth"] == market.min_eth
    assert kept["market_usdt_per_eth"] is not None
    assert abs(kept["market_usdt_per_eth"] - market.eth_price_usd) < Decimal("0.01")
    asked = [request.path for request in paid.peers.exchange.requests[asked_before:]]
    assert not [path for path in asked if "markets" in path]


def test_the_view_gives_them_in_dollars(paid: Rig) -> None:
    """K is both fees, the minimum is the dollars below which nothing goes alone, the spread is the percentage."""
    market = paid.peers.exchange.market
    paid.check()
    (view,) = paid.sql("SELECT * FROM batch_costs")
    batch = paid.batches()[-1]
    assert abs(view["fixed_cost_usd"] - Decimal("0.31")) < Decimal("0.0001")
    assert (view["quoted_fees_usd"], view["deposit_gas_usd"]) == (view["fixed_cost_usd"], None)
    assert abs(view["minimum_usd"] - Decimal("1.5")) < Decimal("0.001")
    percentage = (batch["amount_eth"] - market.network_fees["eth"]) * market.eth_price_usd * market.fee_pct / 100
    assert abs(view["spread_usd"] - percentage) < Decimal("0.001")


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"depositFee": None, "withdrawalFee": None},
        {"depositFee": "a lot", "withdrawalFee": [3]},
        {"depositFee": -1, "withdrawalFee": 1e300},
        {"depositFee": True, "withdrawalFee": {}},
    ],
)
def test_a_fee_that_is_missing_or_odd_stops_nothing(paid: Rig, odd: dict[str, Any]) -> None:
    """The batch is opened and ordered as ever; what is not known is empty."""
    for amount in (0.00833, 24.6, 24.6):
        answer = json.dumps({"toAmount": amount} | odd).encode()
        paid.peers.exchange.faults.add(method=ESTIMATE, action=faults.body(answer))
    assert paid.check().reason == Reason.THRESHOLD_REACHED
    assert len(paid.orders()) == 1
    kept = costs(paid)
    assert (kept["deposit_fee_eth"], kept["withdrawal_fee_usdt"], kept["market_usdt_per_eth"]) == (None, None, None)
    assert kept["minimum_eth"] == paid.peers.exchange.market.min_eth
    (view,) = paid.sql("SELECT * FROM batch_costs")
    assert (view["fixed_cost_usd"], view["spread_usd"]) == (None, None)


def test_fees_that_eat_the_amount_give_no_rate(paid: Rig) -> None:
    """A deposit fee above the deposit, and figures beyond all measure: kept where a column holds them, else empty."""
    told = [("0.00833", 30, "1e-9"), ("24.6", "1", "2"), ("24.6", "1", "2")]
    for amount, deposit_fee, withdrawal_fee in told:
        answer = f'{{"toAmount": {amount}, "depositFee": {deposit_fee}, "withdrawalFee": {withdrawal_fee}}}'
        paid.peers.exchange.faults.add(method=ESTIMATE, action=faults.body(answer.encode()))
    assert paid.check().reason == Reason.THRESHOLD_REACHED
    kept = costs(paid)
    assert (kept["deposit_fee_eth"], kept["withdrawal_fee_usdt"]) == (Decimal(1), Decimal(2))
    assert kept["market_usdt_per_eth"] is None


def test_a_quote_made_anew_brings_its_own_costs(paid: Rig) -> None:
    """ChangeNow could not make the exchange; an hour later gas is dearer, and the batch's costs are those of then."""
    paid.peers.exchange.faults.add(method="POST /exchange", action=faults.status(503), times=9)
    paid.check()
    before = costs(paid)
    paid.peers.exchange.faults.clear()
    paid.peers.exchange.market.network_fees["usdt"] = Decimal("1.00")
    paid.clock.forward(minutes=30)
    paid.check()
    assert len(paid.orders()) == 1
    assert costs(paid) == before | {
        "withdrawal_fee_usdt": Decimal(1),
        "market_usdt_per_eth": costs(paid)["market_usdt_per_eth"],
    }
    assert costs(paid)["market_usdt_per_eth"] is not None
