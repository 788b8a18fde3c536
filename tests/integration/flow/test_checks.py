"""A check of the threshold, on a real database and the real clients."""

from datetime import timedelta
from decimal import Decimal

import pytest

from shared.errors import CheckInProgress
from shared.flow.check import run_check
from shared.flow.check_lock import CHECK_LOCK
from shared.model.exchange import Estimate
from shared.model.reasons import Reason
from tests.rig import WALLET_ETH, WALLET_USDT, Rig


def test_below_the_threshold_nothing_happens_but_the_checks_row(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Total pending below the threshold: no exchange, no claim, one row that says so."""
    rig.pay("10.00", "5.00")
    with caplog.at_level("INFO"):
        assert rig.check().reason == Reason.BELOW_THRESHOLD
    assert "Total pending ($15.00) < Threshold ($20.00) - no action" in caplog.messages
    assert not rig.batches()
    assert {row["conversion_status"] for row in rig.payments()} == {"pending"}
    (row,) = rig.checks()
    assert (row["decision"], row["reason"], row["pending_usd"]) == ("wait", "below_threshold", Decimal(15))
    assert (row["pending_payments"], row["threshold_usd"], row["threshold_source"]) == (2, Decimal(20), "secret")


def test_at_the_threshold_one_batch_takes_every_payment(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """One exchange, one order, the payments claimed, the total exact, the documented sentences in the log."""
    rig.pay("10.00", "15.00")
    with caplog.at_level("INFO"):
        outcome = rig.check()
    assert outcome.reason == Reason.THRESHOLD_REACHED
    assert "Total pending ($25.00) >= Threshold ($20.00) - creating batch" in caplog.messages
    assert "Batch conversion created" in caplog.messages
    (batch,) = rig.batches()
    assert outcome.opened == (batch["batch_conversion_id"],)
    assert (batch["conversion_status"], batch["total_eth_usd"]) == ("swapping", Decimal(25))
    assert batch["threshold_at_creation"] == Decimal(20)
    assert batch["task_enqueued_at"] is not None
    for row in rig.payments():
        assert (row["conversion_status"], row["batch_conversion_id"]) == ("swapping", batch["batch_conversion_id"])
    (row,) = rig.checks()
    assert (row["decision"], row["reason"]) == ("open", "threshold_reached")
    assert row["batch_conversion_id"] == batch["batch_conversion_id"]


def test_the_order_carries_exactly_what_changenow_was_told(rig: Rig) -> None:
    """The amount, id and address in the token are the exchange's own; payout and refund go to our wallets."""
    rig.pay("33.33")
    rig.check()
    (batch,) = rig.batches()
    (order,) = rig.orders()
    exchange = rig.peers.exchange.exchange(batch["cn_api_id"])
    assert order.from_amount == exchange.expected_amount_from == batch["amount_eth"]
    assert order.payin_address == exchange.payin_address == batch["payin_address"]
    assert order.cn_api_id == exchange.id
    assert order.batch_conversion_id == str(batch["batch_conversion_id"])
    assert (exchange.payout_address, exchange.refund_address) == (WALLET_USDT, WALLET_ETH)
    assert -order.from_amount.as_tuple().exponent <= 8  # type: ignore[operator]


def test_dollars_are_not_ether(rig: Rig) -> None:
    """$30 at $3000 an ETH is about a hundredth of an ETH."""
    rig.pay("30.00")
    rig.check()
    assert Decimal("0.009") < rig.orders()[0].from_amount < Decimal("0.0101")


def test_known_ether_counts_as_it_is(rig: Rig) -> None:
    """Payments that know the ETH they brought in count with it; only the others are estimated."""
    rig.pay("30.00", eth="0.010000000123456789")
    rig.check()
    assert rig.orders()[0].from_amount == Decimal("0.01")


def test_force_opens_below_the_threshold(rig: Rig) -> None:
    """An operator's force needs no threshold, but it needs a payment."""
    assert rig.check(forced=True).reason == Reason.BELOW_THRESHOLD
    rig.pay("5.00")
    assert rig.check(forced=True).reason == Reason.FORCED
    assert rig.batches()[0]["opened_because"] == "forced"


def test_the_threshold_is_read_in_every_check(rig: Rig) -> None:
    """Raised and lowered in Secret Manager, honoured by the next check of the same process."""
    rig.pay("25.00")
    rig.set_threshold("100.00\n")
    assert rig.check().reason == Reason.BELOW_THRESHOLD
    rig.set_threshold("25.00")
    assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_a_payment_that_arrives_during_the_quote_stays_pending(rig: Rig) -> None:
    """What the total does not count is not claimed."""
    first = rig.pay("25.00")
    original = rig.check_dependencies.exchange.estimate_usdt

    def estimate_while_paying(amount_eth: Decimal) -> Estimate:
        rig.pay("7.00")
        return original(amount_eth)

    rig.check_dependencies.exchange.estimate_usdt = estimate_while_paying  # type: ignore[method-assign]
    rig.clock.forward(seconds=1)
    rig.check()
    claimed = [row["id"] for row in rig.payments() if row["batch_conversion_id"]]
    assert claimed == first
    assert rig.batches()[0]["total_eth_usd"] == Decimal(25)


def test_rows_without_usable_dollars_are_left_and_counted(rig: Rig) -> None:
    """NULL, zero, negative and NaN dollars are never claimed; the check says how many there are."""
    good = rig.pay("20.00")
    rig.pay("0", "-5", "NaN")
    rig.sql("UPDATE payout_accumulation SET accumulated_eth = NULL WHERE accumulated_eth = 0")
    rig.check()
    assert [row["id"] for row in rig.payments() if row["conversion_status"] == "swapping"] == good
    assert rig.checks()[0]["unclaimable_payments"] == 3


def test_a_second_check_beside_the_first_ends_well(rig: Rig) -> None:
    """One check in flight: the other one says so and does nothing."""
    rig.pay("25.00")
    rig.sql(f"SELECT pg_advisory_lock({CHECK_LOCK})")
    assert rig.check().reason == Reason.CHECK_IN_PROGRESS
    rig.sql(f"SELECT pg_advisory_unlock({CHECK_LOCK})")
    assert not rig.batches()
    assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_the_oldest_payments_that_fit_go_first_and_the_rest_follows(rig: Rig) -> None:
    """Above the exchange's maximum, the same check opens further batches until all is claimed."""
    rig.peers.exchange.market.max_eth = Decimal("0.0171")
    oldest = rig.pay("25.00", age=timedelta(hours=2))
    rig.pay("25.00", "25.00")
    outcome = rig.check()
    assert len(outcome.opened) == 2
    first, second = rig.batches()
    assert first["total_eth_usd"] + second["total_eth_usd"] == Decimal(75)
    assert first["total_eth_usd"] == Decimal(50)
    assert rig.payments()[0]["id"] == oldest[0]
    assert rig.payments()[0]["batch_conversion_id"] == first["batch_conversion_id"]
    (row,) = rig.checks()
    assert row["batches_opened"] == 2
    assert len(rig.orders()) == 2


def test_a_forced_tick_during_another_check_comes_again(rig: Rig) -> None:
    """An ordinary one ends well, since the other check does what it would."""
    rig.pay("5.00")
    with rig.wire_check().database.exclusive(CHECK_LOCK):
        assert rig.check().reason == Reason.CHECK_IN_PROGRESS
        with pytest.raises(CheckInProgress):
            rig.check(forced=True)
    assert rig.check(forced=True).reason == Reason.FORCED


def test_a_forced_tick_that_is_an_hour_late_is_an_ordinary_one(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody wants by now what was wanted then; it is said."""
    rig.pay("5.00")
    sent_at = rig.clock() - timedelta(minutes=61)
    assert run_check(rig.check_dependencies, forced=True, told_at=sent_at).reason == Reason.BELOW_THRESHOLD
    assert any(getattr(record, "event", "") == "force_expired" for record in caplog.records)
    sent_at = rig.clock() - timedelta(minutes=59)
    assert run_check(rig.check_dependencies, forced=True, told_at=sent_at).reason == Reason.FORCED
