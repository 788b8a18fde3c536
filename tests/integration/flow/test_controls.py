"""Threshold and policy as operators set them, and as they go wrong."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from grpc import StatusCode

from sandbox.wire import faults
from shared.flow.check_lock import CHECK_LOCK
from shared.model.policy import POLICY_SECRET, THRESHOLD_SECRET
from shared.model.reasons import Reason
from tests.rig import PROJECT, Rig


@pytest.mark.parametrize("bad", [b"abc", b"\n", b"-5", b"0", b"NaN", b"Infinity", b"\xff\xfe"])
def test_a_bad_threshold_keeps_the_last_valid_one(rig: Rig, bad: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """The last threshold that was read well stays in force, and a warning says so."""
    rig.set_threshold("40")
    rig.check()
    rig.set_threshold(bad)
    rig.pay("25.00")
    assert rig.check().reason == Reason.BELOW_THRESHOLD
    row = rig.checks()[-1]
    assert (row["threshold_usd"], row["threshold_source"]) == (Decimal(40), "last_valid")
    assert any(getattr(record, "event", "") == "threshold_fallback" for record in caplog.records)


def test_without_any_record_the_documents_default_holds(rig: Rig) -> None:
    """$20.00 where nothing was ever known."""
    rig.peers.secrets.disable(PROJECT, THRESHOLD_SECRET)
    rig.pay("25.00")
    rig.check()
    assert rig.checks()[-1]["threshold_source"] == "default"
    assert rig.batches()[0]["threshold_at_creation"] == Decimal(20)


def test_the_newest_batch_knows_a_threshold_too(rig: Rig) -> None:
    """Without a check on record, the newest batch's threshold is the last valid one."""
    rig.sql(
        "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, conversion_status)"
        " VALUES (gen_random_uuid(), 500, 450, 'failed')"
    )
    rig.peers.secrets.faults.add(
        method="AccessSecretVersion", action=faults.refuse(StatusCode.PERMISSION_DENIED), times=2
    )
    rig.pay("25.00")
    rig.check()
    assert rig.checks()[-1]["threshold_usd"] == Decimal(450)


def test_of_all_that_is_on_record_the_newest_read_holds(rig: Rig) -> None:
    """Checks before batches, the newest of either; a batch without a threshold says nothing."""
    insert = (
        "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, conversion_status)"
        " VALUES (gen_random_uuid(), 500, %s, 'failed')"
    )
    for threshold_usd in (450, 30, 0):
        rig.sql(insert, threshold_usd)
    rig.peers.secrets.disable(PROJECT, THRESHOLD_SECRET)
    rig.check()
    assert (rig.checks()[-1]["threshold_usd"], rig.checks()[-1]["threshold_source"]) == (30, "newest_batch")
    for threshold in ("50", "40"):
        rig.set_threshold(threshold)
        rig.check()
    rig.set_threshold("abc")
    rig.check()
    assert (rig.checks()[-1]["threshold_usd"], rig.checks()[-1]["threshold_source"]) == (40, "last_valid")


def test_a_check_that_could_not_look_says_nothing_of_the_policy(rig: Rig) -> None:
    """The pause before it holds while Secret Manager is silent."""
    rig.set_policy('{"paused": true}')
    rig.check()
    with rig.wire_check().database.exclusive(CHECK_LOCK):
        rig.check()
    silence(rig, times=1)
    rig.pay("25.00")
    assert rig.check().reason == Reason.PAUSED


def test_a_fallback_is_not_itself_a_record(rig: Rig) -> None:
    """What was only fallen back on is not remembered as read."""
    rig.set_threshold("30")
    rig.check()
    rig.set_threshold("abc")
    for _ in range(3):
        rig.check()
    assert [row["threshold_source"] for row in rig.checks()] == ["secret"] + ["last_valid"] * 3
    assert {row["threshold_usd"] for row in rig.checks()} == {Decimal(30)}


def test_pause_holds_new_batches_and_lets_running_ones_end(rig: Rig) -> None:
    """Paused: payments wait, batches in flight are still reconciled."""
    rig.pay("25.00")
    rig.check()
    rig.set_policy('{"paused": true}')
    rig.pay("25.00")
    rig.pay_out(rig.batches()[0], "24.50")
    rig.clock.forward(minutes=21)
    assert rig.check(forced=True).reason == Reason.PAUSED
    assert [batch["conversion_status"] for batch in rig.batches()] == ["completed"]


def test_age_and_count_open_below_the_threshold(rig: Rig) -> None:
    """Each with its own reason on record."""
    rig.set_policy('{"max_age_hours": 6, "max_payments": 3}')
    rig.pay("10.00", age=timedelta(hours=5))
    assert rig.check().reason == Reason.BELOW_THRESHOLD
    rig.clock.forward(hours=1)
    assert rig.check().reason == Reason.OVER_AGE
    rig.pay("5.00", "5.00", "5.00")
    assert rig.check().reason == Reason.PAYMENT_COUNT


def test_a_value_cap_splits(rig: Rig) -> None:
    """No batch is worth more than the cap; a payment above it by itself waits and is told."""
    rig.set_policy('{"max_batch_usd": 50}')
    rig.pay("30.00", "30.00", "60.00", "15.00")
    outcome = rig.check()
    assert sorted(batch["total_eth_usd"] for batch in rig.batches()) == [Decimal(30), Decimal(45)]
    assert len(outcome.opened) == 2
    assert rig.check(forced=True).reason == Reason.BELOW_THRESHOLD
    assert rig.checks()[-1]["unclaimable_by_reason"] == '{"above_batch_cap": 1}'


def test_the_limit_of_batches_in_flight(rig: Rig) -> None:
    """No new batch while that many are under way."""
    rig.set_policy('{"max_in_flight": 1}')
    rig.pay("25.00")
    rig.check()
    rig.pay("25.00")
    assert rig.check().reason == Reason.IN_FLIGHT_LIMIT


@pytest.mark.parametrize("bad", [b"{", b'{"pause": false}', b'{"max_in_flight": 0}', b"\xff"])
def test_a_bad_policy_keeps_the_last_valid_one(rig: Rig, bad: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """One bad key refuses the document; the pause stays."""
    rig.set_policy('{"paused": true}')
    rig.check()
    rig.set_policy(bad)
    rig.pay("25.00")
    assert rig.check().reason == Reason.PAUSED
    assert any(getattr(record, "event", "") == "policy_fallback" for record in caplog.records)


MISTYPED_PAUSE = '{"pause": true}'


def test_a_first_policy_that_is_mistyped_opens_nothing(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """It may have been a pause: nothing is opened, by force neither, until a good version is there."""
    rig.set_policy(MISTYPED_PAUSE)
    rig.pay("25.00")
    for forced in (False, True):
        assert rig.check(forced=forced).reason == Reason.POLICY_UNREADABLE
    assert rig.checks()[-1]["policy"] is None
    assert any("none was ever valid" in message for message in caplog.messages)
    rig.set_policy("{}")
    assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_a_mistyped_policy_after_none_opens_nothing(rig: Rig) -> None:
    """That there was no policy yesterday says nothing about what the new one meant; nor does silence after it."""
    assert rig.check().reason == Reason.BELOW_THRESHOLD
    rig.set_policy(MISTYPED_PAUSE)
    rig.pay("25.00")
    assert rig.check().reason == Reason.POLICY_UNREADABLE
    silence(rig, times=1)
    assert rig.check().reason == Reason.POLICY_UNREADABLE
    rig.peers.secrets.delete_secret(PROJECT, POLICY_SECRET)
    assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_a_policy_that_disappears_stays_in_force(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The pause holds, check after check, until a version says otherwise."""
    rig.set_policy('{"paused": true}')
    rig.check()
    rig.peers.secrets.delete_secret(PROJECT, POLICY_SECRET)
    rig.pay("25.00")
    for _ in range(3):
        assert rig.check().reason == Reason.PAUSED
    assert any("add a version {}" in message for message in caplog.messages)
    rig.set_policy("{}")
    assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_the_levers_of_another_environment_move_nothing(rig: Rig) -> None:
    """Two environments of one project: each reads the secrets that it is told of, and not the other's."""
    rig.set_threshold("5.00")
    rig.set_policy('{"paused": true}')
    ids = {"THRESHOLD_SECRET_ID": "THRESHOLD_OF_STAGING", "POLICY_SECRET_ID": "POLICY_OF_STAGING"}
    for name, value in zip(ids.values(), ("30.00", "{}"), strict=True):
        rig.peers.secrets.add_version(PROJECT, name, value)
    staging = Rig(rig.url, rig.peers, ids)
    rig.pay("25.00")
    assert staging.check().reason == Reason.BELOW_THRESHOLD
    rig.peers.secrets.add_version(PROJECT, "THRESHOLD_OF_STAGING", "20.00")
    assert staging.check().reason == Reason.THRESHOLD_REACHED
    staging.close()
    for name in ids.values():
        rig.peers.secrets.delete_secret(PROJECT, name)


def silence(rig: Rig, times: int) -> None:
    """Let Secret Manager refuse the next reads of the policy."""
    refused = faults.refuse(StatusCode.PERMISSION_DENIED)
    rig.peers.secrets.faults.add(method="AccessSecretVersion", action=refused, times=times)


def test_a_policy_that_could_never_be_read_opens_nothing(rig: Rig) -> None:
    """Nobody knows whether there is a pause in it."""
    silence(rig, times=1)
    rig.pay("25.00")
    assert rig.check().reason == Reason.POLICY_UNREADABLE
    assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_a_policy_known_to_be_absent_counts_while_secret_manager_is_away(rig: Rig) -> None:
    """Without a policy, what was read before is that there is none."""
    rig.check()
    silence(rig, times=1)
    rig.pay("25.00")
    assert rig.check().reason == Reason.THRESHOLD_REACHED


def test_a_policy_on_record_that_nobody_can_read_opens_nothing(rig: Rig) -> None:
    """Another release wrote it: it counts as none, and no check fails for it."""
    rig.check()
    rig.sql("UPDATE threshold_checks SET policy = '{\"other\": 1}'")
    silence(rig, times=1)
    rig.pay("25.00")
    assert rig.check().reason == Reason.POLICY_UNREADABLE


def test_the_guards_tolerance_is_the_policys(rig: Rig) -> None:
    """A tolerance of a tenth of a percent refuses ChangeNow's ordinary fee; what was offered is on record."""
    rig.set_policy('{"quote_deviation_pct": 0.1}')
    rig.pay("25.00")
    assert rig.check().reason == Reason.QUOTE_REFUSED
    refused_usdt = rig.checks()[-1]["refused_quote_usdt"]
    assert Decimal("24") < refused_usdt < Decimal("24.975")
    rig.set_policy("{}")
    rig.check()
    assert rig.checks()[-1]["refused_quote_usdt"] is None


def test_a_swap_that_costs_little_beside_what_waits_opens_a_batch(rig: Rig) -> None:
    """By what the newest batch's quote told; silent while none has told anything, and with its figure on record."""
    rig.set_policy('{"cost_ratio": {"start": 0.03, "tau_hours": 12}}')
    rig.pay("11.00", age=timedelta(hours=11))
    assert rig.check().reason == Reason.BELOW_THRESHOLD
    assert rig.checks()[-1]["swap_cost_usd"] is None
    assert rig.check(forced=True).reason == Reason.FORCED
    assert rig.check().reason == Reason.BELOW_THRESHOLD  # nothing waits
    rig.pay("9.00")
    assert rig.check().reason == Reason.BELOW_THRESHOLD  # 0.31 of 9.00 is 3.4 %
    rig.clock.forward(hours=2)
    assert rig.check().reason == Reason.COST_RATIO
    row = rig.checks()[-1]
    assert abs(row["swap_cost_usd"] - Decimal("0.31")) < Decimal("0.001")
    assert rig.batches()[-1]["opened_because"] == "cost_ratio"
    assert json.loads(row["policy"])["cost_ratio"] == {"start": "0.03", "tau_hours": "12"}


def test_the_gas_of_the_newest_deposit_asked_about_is_in_the_cost(rig: Rig) -> None:
    """At the newest batch's rate, also for batches of which the chain was not asked; what no swap costs is silent."""
    rig.set_policy('{"cost_ratio": {"start": 0.0001, "tau_hours": 1000}}')
    told = ((None, None), ("0.001", "3.31"), (None, "3.31"), ("0.002", "6.31"), ("9e8", None))
    for gas_eth, swap_cost_usd in told:
        rig.pay("25.00")
        if gas_eth:
            rig.sql(
                "INSERT INTO batch_reconciliations (batch_conversion_id, verdict, is_chain_asked, reconciled_at,"
                " deposit_gas_eth) VALUES (%s, 'matched', TRUE, NOW(), CAST(%s AS numeric))",
                rig.batches()[-1]["batch_conversion_id"],
                gas_eth,
            )
        assert rig.check().reason == Reason.THRESHOLD_REACHED
        gone_by = rig.checks()[-1]["swap_cost_usd"]
        assert (None if gone_by is None else str(gone_by.quantize(Decimal("0.01")))) == swap_cost_usd


def test_a_cost_of_long_ago_is_not_gone_by(rig: Rig) -> None:
    """A hundred batches whose quotes told nothing: the rule is silent again."""
    rig.set_policy('{"cost_ratio": {"start": 0.99, "tau_hours": 1}}')
    rig.pay("25.00")
    rig.check()
    rig.sql(
        "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, conversion_status,"
        " opened_because, payments_count, amount_eth, quoted_usdt) SELECT gen_random_uuid(), 5, 5, 'pending', 'forced',"
        " 1, 1, 5 FROM generate_series(1, 100)"
    )
    rig.pay("5.00")
    rig.peers.exchange.faults.add(method="POST /exchange", action=faults.status(503), times=None)
    rig.check()
    assert rig.checks()[-1]["swap_cost_usd"] is None
