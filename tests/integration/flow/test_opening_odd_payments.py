"""Payments that no batch can take: set aside, counted and named with their reason, while all beside them goes on."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.wire import faults
from shared.model.reasons import Reason
from tests.rig import Rig


def left_out(rig: Rig) -> dict[str, int]:
    """What the newest check counted, by reason."""
    counts: dict[str, int] = json.loads(rig.checks()[-1]["unclaimable_by_reason"])
    return counts


def named(caplog: pytest.LogCaptureFixture) -> dict[str, str]:
    """The first ids that the log names, by reason."""
    lines: list[Any] = [line for line in caplog.records if getattr(line, "event", "") == "payments_unclaimable"]
    return {line.fields["reason"]: line.fields["first_ids"] for line in lines}


def waiting(rig: Rig) -> list[int]:
    """The payments that are still pending."""
    return [row["id"] for row in rig.sql("SELECT id FROM payout_accumulation WHERE conversion_status = 'pending'")]


def test_a_payment_above_the_cap_makes_no_threshold_age_or_count(rig: Rig) -> None:
    """It waits for a higher cap; check after check opens nothing for its sake."""
    rig.set_threshold("1000")
    rig.set_policy('{"max_batch_usd": 500, "max_age_hours": 1, "max_payments": 2}')
    (large,) = rig.pay("2000.00", age=timedelta(hours=9))
    rig.pay("5.00")
    for _ in range(4):
        assert rig.check().reason == Reason.BELOW_THRESHOLD
        assert (rig.checks()[-1]["pending_usd"], left_out(rig)) == (5, {"above_batch_cap": 1})
    assert rig.check(forced=True).reason == Reason.FORCED
    assert [batch["total_eth_usd"] for batch in rig.batches()] == [5]
    assert waiting(rig) == [large]


@pytest.mark.parametrize("eth", [None, "0.4"])
def test_a_payment_above_the_exchanges_maximum_makes_no_threshold(
    rig: Rig, eth: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the quote tells: the decision is taken again with what is left, and the others go once they are enough."""
    rig.peers.exchange.market.max_eth = Decimal("0.3")  # $900
    rig.set_threshold("1000")
    rig.set_policy('{"max_age_hours": 1, "max_payments": 2}')
    (large,) = rig.pay("1200.00", eth=eth, age=timedelta(hours=9))
    rig.pay("5.00")
    for _ in range(4):
        assert rig.check().reason == Reason.BELOW_THRESHOLD
        assert (rig.checks()[-1]["pending_usd"], left_out(rig)) == (5, {"above_exchange_maximum": 1})
    assert named(caplog) == {"above_exchange_maximum": str(large)}
    rig.pay("600.00", "600.00")
    outcome = rig.check()
    assert (outcome.reason, len(outcome.opened)) == (Reason.THRESHOLD_REACHED, 2)
    assert (rig.checks()[-1]["pending_usd"], left_out(rig)) == (1205, {"above_exchange_maximum": 1})
    assert waiting(rig) == [large]


def test_a_payment_a_million_times_above_the_maximum_holds_nobody_up(rig: Rig) -> None:
    """ChangeNow estimates all that waits in as many parts as it takes: the other payments go at once."""
    rig.peers.exchange.market.max_eth = Decimal("0.02")  # $60
    (large,) = rig.pay("89000000.00", age=timedelta(hours=9))
    rig.pay("15.00", "25.00")
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert [batch["total_eth_usd"] for batch in rig.batches()] == [40]
    assert waiting(rig) == [large]


@pytest.mark.parametrize("time", ["infinity", "-infinity", "0044-03-15 BC", "57868-01-01", "2014-12-31", "2026-11-24"])
def test_a_time_that_cannot_be_ends_no_check(rig: Rig, time: str, caplog: pytest.LogCaptureFixture) -> None:
    """The payment is named; what waits beside it is claimed, and the ages are those of the others."""
    rig.clock.now = rig.clock.now.replace(year=2026, month=11, day=22)
    rig.pay("25.00", age=timedelta(hours=1))
    (odd,) = rig.pay("4000.00")
    rig.sql(f"UPDATE payout_accumulation SET created_at = '{time}' WHERE id = {odd}")
    rig.set_policy('{"max_age_hours": 2}')
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert [batch["total_eth_usd"] for batch in rig.batches()] == [25]
    assert (left_out(rig), waiting(rig), named(caplog)) == ({"no_time": 1}, [odd], {"no_time": str(odd)})
    assert rig.checks()[-1]["oldest_pending_age_s"] == 3600
    for _ in range(4):
        assert rig.check().reason == Reason.BELOW_THRESHOLD


@pytest.mark.parametrize("eth", ["1234567", "0.5", "0.006", "0.000000000000000001"])
def test_ether_that_is_not_worth_the_dollars_holds_nobody_up(
    rig: Rig, eth: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One wrong nowpayments_outcome_amount, too high or too low: the others are quoted and ordered without it."""
    rig.pay("24.00", eth="0.0081")
    (wrong,) = rig.pay("24.00", eth=eth)
    rig.pay("26.00")
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert [batch["total_eth_usd"] for batch in rig.batches()] == [50]
    assert (left_out(rig), waiting(rig), named(caplog)) == (
        {"eth_not_worth_dollars": 1},
        [wrong],
        {"eth_not_worth_dollars": str(wrong)},
    )
    assert rig.check(forced=True).reason == Reason.BELOW_THRESHOLD
    rig.sql(f"UPDATE payout_accumulation SET nowpayments_outcome_amount = NULL WHERE id = {wrong}")
    assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_dollars_above_the_payment_and_paid_out_payments_stay(rig: Rig) -> None:
    """$5,000,000 for a payment of $50, and payments that their client has had already, are never swapped."""
    good = rig.pay("25.00")
    rig.pay("5000000.00", "10.00")
    rig.sql("UPDATE payout_accumulation SET payment_amount_usd = 50 WHERE accumulated_eth > 1000")
    rig.sql("UPDATE payout_accumulation SET is_paid_out = TRUE WHERE accumulated_eth = 10")
    rig.check()
    assert [row["id"] for row in rig.payments() if row["batch_conversion_id"]] == good
    assert left_out(rig) == {"already_paid_out": 1, "dollars_above_payment": 1}


def test_states_that_no_service_knows_are_counted(rig: Rig) -> None:
    """No status, another's status, swapping without a batch: told, and left as they are."""
    rig.pay("1.00", "2.00", "3.00", "4.00")
    for amount, status in ((1, "NULL"), (2, "'processing'"), (3, "'swapping'")):
        rig.sql(f"UPDATE payout_accumulation SET conversion_status = {status} WHERE accumulated_eth = {amount}")
    rig.check()
    assert left_out(rig) == {"swapping_without_batch": 1, "unknown_status": 2}
    assert rig.checks()[-1]["pending_usd"] == 4


def test_of_many_the_first_are_named(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Five ids a reason, and how many there are."""
    ids = rig.pay(*["0"] * 7)
    rig.check()
    assert named(caplog) == {"no_dollars": ", ".join(map(str, ids[:5]))}
    assert left_out(rig) == {"no_dollars": 7}


@pytest.mark.parametrize(
    ("answers", "reason"),
    [(["0.01", "1e-30"], Reason.EXCHANGE_UNAVAILABLE), (["1e-30"], Reason.BELOW_EXCHANGE_MINIMUM)],
)
def test_a_rate_of_next_to_nothing_divides_nothing(rig: Rig, answers: list[str], reason: Reason) -> None:
    """ChangeNow answers with amounts that round to zero: no batch, and a check that ends well."""
    rig.pay("25.00", eth="0.008")
    rig.peers.exchange.market.min_eth = Decimal(0)
    for answer in answers:
        body = faults.body(f'{{"toAmount": {answer}}}'.encode())
        rig.peers.exchange.faults.add(method="GET /exchange/estimated-amount", action=body)
    assert rig.check().reason == reason
    assert not rig.batches()


def decide_cut_over(rig: Rig, ours_from: str) -> None:
    """Decide as ``./microbatch cut-over`` does."""
    rig.sql(
        "INSERT INTO cut_over_decisions (ours_from, decided_by) VALUES (CAST(%s AS timestamp), 'operator')", ours_from
    )


def test_nothing_is_claimed_before_the_cut_over_is_decided(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Payments waited at the installation: even a forced tick waits for the decision, and adoption may come later."""
    rig.sql("SET session_replication_role = replica")
    rig.sql("UPDATE micro_batch_installation SET waiting_payments = 1")
    rig.sql("RESET session_replication_role")
    (old,) = rig.pay("30.00", age=timedelta(days=2))
    rig.pay("25.00")
    assert rig.check(forced=True).reason == Reason.CUT_OVER_PENDING
    assert (rig.checks()[-1]["forced"], left_out(rig)) == (True, {"before_cut_over": 2})
    decide_cut_over(rig, (rig.clock() - timedelta(days=1)).replace(tzinfo=None).isoformat())
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert (waiting(rig), left_out(rig), named(caplog)) == ([old], {"before_cut_over": 1}, {})
    decide_cut_over(rig, "-infinity")
    assert rig.check().reason == Reason.THRESHOLD_REACHED
    assert waiting(rig) == []
