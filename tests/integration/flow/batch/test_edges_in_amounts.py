"""Every limit of a batch at its last unit: the cap, the exchange's range, the guard, and who is the oldest."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.changenow.market import ETH_TO_USDT, Market
from sandbox.wire import faults
from shared.flow.batch import quoting
from shared.model.reasons import Reason
from tests.rig import WALLET_ETH, WALLET_USDT, Rig

FREE = Market(eth_price_usd=Decimal(2500), fee_pct=Decimal(0), network_fees={"eth": Decimal(0), "usdt": Decimal(0)})


@pytest.fixture
def free(rig: Rig) -> Rig:
    """A market that keeps nothing: what is sent is worth what arrives, and edges can be met exactly."""
    rig.peers.exchange.market = replace(FREE)
    return rig


def totals(rig: Rig) -> list[Decimal]:
    """The batches' dollars, oldest first."""
    return [batch["total_eth_usd"] for batch in rig.batches()]


def left_out(rig: Rig) -> dict[str, int]:
    """What the newest check counted, by reason."""
    counts: dict[str, int] = json.loads(rig.checks()[-1]["unclaimable_by_reason"])
    return counts


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (("20.00", "30.00"), [50]),
        (("20.00", "30.00000001"), [20, Decimal("30.00000001")]),
        (("50.00",), [50]),
        (("50.00000001", "20.00"), [20]),
    ],
)
def test_the_cap(rig: Rig, amounts: tuple[str, ...], expected: list[Decimal]) -> None:
    """Fifty dollars are within fifty dollars, alone or together; a unit more is not."""
    rig.set_policy('{"max_batch_usd": 50}')
    rig.pay(*amounts)
    rig.check()
    assert totals(rig) == expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (("0.012", "0.012"), [60]),
        (("0.012", "0.01200001"), [30, 30]),
        (("0.024", "0.012"), [60, 30]),
        (("0.024000000000000001", "0.012"), [30]),
    ],
)
def test_the_exchanges_maximum(free: Rig, known: tuple[str, str], expected: list[Decimal]) -> None:
    """What payments brought in, alone or together: at the maximum it goes, by the least more it does not."""
    free.peers.exchange.market.max_eth = Decimal("0.024")
    for eth in known:
        free.pay("60.00" if eth.startswith("0.024") else "30.00", eth=eth)
    free.check()
    assert totals(free) == expected
    is_one_too_large = known[0].startswith("0.0240")
    assert left_out(free) == ({"above_exchange_maximum": 1} if is_one_too_large else {})


def test_one_at_the_maximum_is_not_named_beside_one_that_is_left_out(free: Rig) -> None:
    """It goes, and only the other is counted."""
    free.peers.exchange.market.max_eth = Decimal("0.024")
    free.pay("60.00", eth="0.024")
    free.pay("30.00", eth="5")
    free.check()
    assert totals(free) == [60]
    assert left_out(free) == {"eth_not_worth_dollars": 1}


@pytest.mark.parametrize(
    ("eth", "reason"),
    [("0.012", Reason.THRESHOLD_REACHED), ("0.011999999", Reason.BELOW_EXCHANGE_MINIMUM)],
)
def test_the_exchanges_minimum(free: Rig, eth: str, reason: Reason) -> None:
    """At it is enough; what is cut below it is not."""
    free.peers.exchange.market.min_eth = Decimal("0.012")
    free.pay("30.00", eth=eth)
    assert free.check().reason == reason


@pytest.mark.parametrize(
    ("eth", "is_taken"),
    [
        ("0.0096", True),
        ("0.009599999999999999", False),
        ("0.0144", True),
        ("0.014400000000000001", False),
    ],
)
def test_the_guard_of_each_payment(free: Rig, eth: str, is_taken: bool) -> None:
    """Twenty percent either way of what the market says that thirty dollars are."""
    free.pay("2500.00", eth="1")
    (odd,) = free.pay("30.00", eth=eth)
    assert free.check().reason == Reason.THRESHOLD_REACHED
    assert totals(free) == [2530 if is_taken else 2500]
    assert left_out(free) == ({} if is_taken else {"eth_not_worth_dollars": 1})
    assert free.payments()[-1]["id"] == odd


def test_a_payment_left_out_lends_nobody_its_age(free: Rig) -> None:
    """What waits is as old as the oldest that a batch takes."""
    free.set_threshold("5000")
    free.set_policy('{"max_age_hours": 5, "max_payments": 2}')
    free.pay("30.00", eth="1", age=timedelta(hours=9))
    free.pay("2500.00", eth="1", age=timedelta(hours=3))
    assert free.check().reason == Reason.BELOW_THRESHOLD
    assert (free.checks()[-1]["oldest_pending_age_s"], free.checks()[-1]["pending_payments"]) == (3 * 3600, 1)


def test_a_quote_for_some_knows_the_minimum_too(free: Rig) -> None:
    """The batch's costs are those of its own quote."""
    free.peers.exchange.market.min_eth = Decimal("0.001")
    free.pay("30.00", eth="0.0121")
    free.check()
    (batch,) = free.batches()
    assert (batch["amount_eth"], batch["minimum_eth"]) == (Decimal("0.0121"), Decimal("0.001"))


def test_as_many_of_one_instant_as_fit_go_together(rig: Rig) -> None:
    """By their numbers, up to the last that fits."""
    rig.set_policy('{"max_batch_usd": 25}')
    rig.pay("10.00", "15.00", "20.00")
    rig.check()
    assert totals(rig) == [25, 20]


def test_one_at_the_cap_is_the_oldest(rig: Rig) -> None:
    """What waits is as old as it."""
    rig.set_threshold("1000")
    rig.set_policy('{"max_batch_usd": 50}')
    rig.pay("50.00", age=timedelta(hours=2))
    rig.pay("20.00", age=timedelta(hours=1))
    rig.pay("50.00000001", age=timedelta(hours=9))
    rig.check()
    (row,) = rig.checks()
    assert (row["oldest_pending_age_s"], row["pending_usd"], row["pending_payments"]) == (2 * 3600, 70, 2)


def test_after_a_batch_that_had_to_be_given_back_no_other_is_opened(rig: Rig) -> None:
    """Its payments would be claimed again at once, for the same end."""
    rig.set_policy('{"max_batch_usd": 25}')
    rig.pay("25.00", "25.00")
    refusal = faults.status(400, body='{"error": "not_valid_address", "message": "bad address"}')
    rig.peers.exchange.faults.add("POST /exchange", refusal)
    assert len(rig.check().opened) == 1
    assert [batch["conversion_status"] for batch in rig.batches()] == ["failed"]


def test_dollars_that_are_no_ether_are_asked_about_no_further(rig: Rig) -> None:
    """What rounds to nothing is below every minimum."""
    rig.pay("25.00")
    for answer in (b'{"minAmount": null}', b'{"toAmount": 9e-9}'):
        rig.peers.exchange.faults.add(faults.ANY, faults.body(answer))
    before = len(rig.peers.exchange.requests)
    assert rig.check().reason == Reason.BELOW_EXCHANGE_MINIMUM
    assert rig.peers.exchange.requests[before:] == []


def test_the_older_goes_first_and_the_lower_number_where_they_are_alike(rig: Rig) -> None:
    """By time, then by number, not by the order of arrival."""
    rig.set_policy('{"max_batch_usd": 25}')
    young, twin = rig.pay("21.00", "22.00", age=timedelta(hours=1))
    (old,) = rig.pay("23.00", age=timedelta(hours=2))
    rig.check()
    claimed = {row["batch_conversion_id"]: row["id"] for row in rig.payments()}
    assert [claimed[batch["batch_conversion_id"]] for batch in rig.batches()] == [old, young, twin]


@pytest.mark.parametrize("kind", ["without dollars", "not worth them"])
def test_the_first_five_of_those_left_out_are_named(rig: Rig, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """In the order of their numbers; all are counted."""
    rig.pay("25.00")
    odd = rig.pay(*["-1"] * 6) if kind == "without dollars" else rig.pay(*["25.00"] * 6, eth="5")
    rig.check()
    assert list(left_out(rig).values()) == [6]
    (line,) = [record for record in caplog.records if getattr(record, "event", "") == "payments_unclaimable"]
    fields: dict[str, Any] = line.fields  # type: ignore[attr-defined]
    assert (fields["first_ids"], fields["payments"]) == (", ".join(map(str, odd[:5])), 6)


@pytest.mark.parametrize(("promised", "failure"), [("24.00", None), ("23.99", "quote_refused"), (None, None)])
def test_an_exchange_that_promises_too_little_is_not_ordered(
    free: Rig, promised: str | None, failure: str | None
) -> None:
    """The guard looks once more at what ChangeNow says as it makes the exchange; where it says nothing, at no more."""
    exchange = free.peers.exchange.open_exchange(ETH_TO_USDT, Decimal("0.012"), WALLET_USDT, WALLET_ETH)
    answer = {"id": exchange.id, "payinAddress": exchange.payin_address, "toAmount": promised}
    free.peers.exchange.faults.add("POST /exchange", faults.body(json.dumps(answer).encode()))
    free.pay("30.00", eth="0.012")
    free.check()
    assert (free.batches()[0]["failure_reason"], len(free.orders())) == (failure, failure is None)


def test_what_changenow_estimates_in_no_part_is_refused(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked about ever smaller parts, and no further than the smallest."""
    monkeypatch.setattr(quoting, "PARTS_MAX", 4)
    rig.pay("60.00")
    refusal = faults.status(400, body='{"error": "out_of_range", "message": "too much"}')
    rig.peers.exchange.faults.add("GET /exchange/estimated-amount", refusal, times=None)
    before = len(rig.peers.exchange.faults.taken)
    assert rig.check().reason == Reason.EXCHANGE_REFUSED
    assert len(rig.peers.exchange.faults.taken) - before == 3
    assert rig.batches() == []
