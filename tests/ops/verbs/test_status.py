"""`status`: one screen that is right about what waits, what was decided, what runs, what is held, and who is needed."""

import json
import time
from datetime import timedelta

import pytest

from ops.situation.needs import NEEDS_A_PERSON
from ops.situation.reasons import LEFT_OUT, SAID, explain_reason
from sandbox.postgres.session import open_session, run_sql
from shared.flow.check_lock import CHECK_LOCK
from shared.model.reasons import LeftOut, Reason
from tests.ops.conftest import Shell
from tests.rig import Rig

YEAR_OF_CHECKS = 365 * 96


def test_a_quiet_day(rig: Rig, shell: Shell) -> None:
    """Pending against threshold, the last check with what would change it, nobody needed."""
    rig.pay("7.00", age=timedelta(hours=3))
    rig.check()
    typed = shell("status", "--check")
    assert typed.code == 0, typed.out
    assert typed.out.startswith("Nobody is needed.\n")
    assert "pending     $7.00 of $20.00: 1 payment, the oldest for 3 h" in typed.out
    assert "threshold   $20.00, from the secret" in typed.out
    assert "policy      none (default)" in typed.out
    assert "(below_threshold) waits: the pending dollars do not reach the threshold" in typed.out
    assert "trigger --force" in typed.out
    assert "in flight   nothing" in typed.out
    document = shell("status", "--json").document
    assert document["person_needed"] is False
    assert document["pending"]["pending_usd"] == "7.00000000"
    assert document["last_check"]["reason"] == "below_threshold"
    assert document["next_batch_in_s"] > 0


def test_before_the_first_check(rig: Rig, shell: Shell) -> None:
    """An installation on which nothing has run yet needs somebody."""
    typed = shell("status", "--check")
    assert typed.code == 1
    assert "no check has ever ended well" in typed.out
    assert shell("status").code == 0


def test_a_lever_moved_since_the_last_check(rig: Rig, shell: Shell) -> None:
    """What is in force, and what will be."""
    rig.check()
    rig.sql("UPDATE threshold_checks SET checked_at = NOW() - INTERVAL '1 minute'")
    assert shell("threshold", "set", "44", "--yes", "--by", "ada").code == 0
    out = shell("status").out
    assert "threshold   $20.00, from the secret" in out
    assert "threshold set 44 by ada: from the next check on" in out


def test_a_batch_in_flight_and_stuck(rig: Rig, shell: Shell) -> None:
    """Age, ChangeNow's last word, the next question; once it is stuck, a person and what to type."""
    rig.pay("30.00")
    rig.check()
    (batch,) = rig.batches()
    name = str(batch["batch_conversion_id"])
    typed = shell("status", "--check")
    assert typed.code == 0, typed.out
    assert name[:8] in typed.out
    rig.clock.forward(hours=2)
    rig.check()
    rig.sql("UPDATE threshold_checks SET checked_at = NOW()")
    typed = shell("status", "--check")
    assert typed.code == 1
    assert f"A PERSON IS NEEDED: batch {name[:8]} is stuck" in typed.out
    assert f"    ./microbatch batch {name}\n" in typed.out


def test_a_payment_that_the_last_check_left_out(rig: Rig, shell: Shell) -> None:
    """Why, how to see it, and that it is gone with the next check that takes it; a lock needs nobody."""
    rig.set_policy('{"max_batch_usd": 50}')
    rig.pay("60.00", "5.00")
    rig.check()
    rig.sql("UPDATE threshold_checks SET checked_at = NOW()")
    typed = shell("status", "--check")
    assert typed.code == 1
    said = "1 payment left out by the last check: more than the policy lets into a batch"
    assert f"A PERSON IS NEEDED: {said}\n    ./microbatch pending --sort amount\n" in typed.out
    assert "left out    1 payment by the last check: more than the policy lets into a batch" in typed.out
    assert shell("status", "--json").document["left_out"] == {"above_batch_cap": 1}
    rig.sql("UPDATE threshold_checks SET unclaimable_by_reason = '{\"locked\": 2}'")
    typed = shell("status", "--check")
    assert typed.code == 0
    assert "left out    2 payments by the last check: another service held them locked" in typed.out


def test_an_amount_that_was_refused(rig: Rig, shell: Shell) -> None:
    """The very command that accepts it is on the screen."""
    rig.pay("30.00")
    rig.check()
    (batch,) = rig.batches()
    rig.sql("UPDATE batch_conversions SET refused_usdt = 14, refused_at = NOW(), exchange_status = 'finished'")
    assert f"./microbatch accept {batch['batch_conversion_id']} --amount 14" in shell("status").out


def test_what_is_held(rig: Rig, shell: Shell) -> None:
    """Named with its reason and the list of it."""
    rig.pay("NaN", "5.00")
    rig.check()
    typed = shell("status", "--check")
    assert typed.code == 1
    assert "1 payment can never be claimed: no_dollars" in typed.out
    assert "./microbatch held" in typed.out


def test_what_is_held_rightly_needs_nobody(rig: Rig, shell: Shell) -> None:
    """GCBatchProcessor pays out what waits, at every payout: counted for ever, and nobody is called for it."""
    rig.pay("5.00", "3.00")
    rig.sql("UPDATE payout_accumulation SET is_paid_out = TRUE WHERE accumulated_eth = 5")
    rig.check()
    typed = shell("status", "--check")
    assert typed.code == 0, typed.out
    assert "held        1 payment: already_paid_out" in typed.out


@pytest.mark.parametrize("reason", NEEDS_A_PERSON)
def test_what_a_person_is_told_to_type_is_a_command(reason: str, rig: Rig, shell: Shell) -> None:
    """And what is to be looked up elsewhere stands in the sentence."""
    rig.check()
    rig.sql("UPDATE threshold_checks SET reason = %s", reason)
    (need,) = shell("status", "--json").document["needs"]
    assert need["command"].startswith("./microbatch ") or "see the log" in need["what"]
    assert shell("status", "--json").document["next_batch_in_s"] is None


def test_money_that_came_late_needs_somebody_until_it_is_dealt_with(rig: Rig, shell: Shell) -> None:
    """However long ago it came; once a person has said so it is over."""
    rig.pay("30.00")
    rig.check()
    (batch,) = rig.batches()
    rig.peers.exchange.expire(batch["cn_api_id"])
    rig.clock.forward(minutes=21)
    rig.check()
    rig.sql(
        "UPDATE batch_conversions SET late_usdt_received = 29, late_seen_at = NOW() - INTERVAL '40 days'"
        " WHERE conversion_status = 'failed'"
    )
    assert "29.00000000 USDT arrived after all" in shell("status").out
    rig.sql(
        "INSERT INTO operator_acts (act, batch_conversion_id, by_whom, detail)"
        " VALUES ('reconcile settled', %s, 'ada', '{\"findings\": []}')",
        batch["batch_conversion_id"],
    )
    assert shell("status", "--json").document["late_payouts"] == []


def test_a_silent_schedule(rig: Rig, shell: Shell) -> None:
    """No check for 45 minutes."""
    rig.check()
    rig.sql("UPDATE threshold_checks SET checked_at = checked_at - INTERVAL '2 hours'")
    typed = shell("status", "--check")
    assert typed.code == 1
    assert "no check has ended well for 2 h" in typed.out
    assert "was due" in typed.out


def test_a_check_that_runs(rig: Rig, shell: Shell) -> None:
    """Who holds the lock is told, with since when it is silent."""
    rig.check()
    assert shell("status", "--json").document["running_check"] is None
    with rig.check_dependencies.database.exclusive(CHECK_LOCK):
        typed = shell("status")
        assert "running     a check holds the lock, silent for " in typed.out
        assert shell("status", "--json").document["running_check"]["state"] == "idle"


def test_a_threshold_that_cannot_be_read(rig: Rig, shell: Shell) -> None:
    """The fallback in force is named as one."""
    rig.check()
    rig.set_threshold("oops")
    rig.check()
    typed = shell("status", "--check")
    assert typed.code == 1
    assert "the threshold cannot be read; last_valid serves" in typed.out


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words(reason: Reason) -> None:
    """No screen shows a bare word of the code's."""
    assert reason in SAID
    assert explain_reason(reason)[0] != reason


@pytest.mark.slow
def test_status_is_quick_on_a_large_table(rig: Rig, shell: Shell) -> None:
    """200,000 payments, a quarter of them pending, a year of checks: under a second for the whole command."""
    session = open_session(rig.url)
    try:
        run_sql(
            session,
            "INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency,"
            " payment_timestamp, accumulated_eth, client_wallet_address, client_payout_currency,"
            " client_payout_network, conversion_status, created_at)"
            " SELECT 'client', 1, 10, 'eth', NOW(), 9, '0xclient', 'usdt', 'eth',"
            " CASE WHEN n % 4 = 0 THEN 'pending' ELSE 'completed' END, NOW() - n * INTERVAL '2 minutes'"
            " FROM GENERATE_SERIES(1, 200000) AS n",
        )
        run_sql(
            session,
            "INSERT INTO threshold_checks (checked_at, pending_usd, pending_payments, threshold_usd,"
            " threshold_source, policy, decision, reason)"
            " SELECT NOW() - n * INTERVAL '15 minutes', 9, 1, 20, 'secret', '{}', 'wait', 'below_threshold'"
            f" FROM GENERATE_SERIES({YEAR_OF_CHECKS}, 0, -1) AS n",
        )
        run_sql(session, "VACUUM ANALYZE")
    finally:
        session.close()
    times_s = []
    for _ in range(5):
        began = time.monotonic()
        assert json.loads(shell("status", "--json").out)["pending"]["payments"] == 50_000
        times_s.append(time.monotonic() - began)
    assert min(times_s) < 1, times_s


@pytest.mark.parametrize("reason", LeftOut)
def test_every_reason_to_leave_a_payment_out_is_told(reason: LeftOut) -> None:
    """In plain words."""
    assert LEFT_OUT[reason][0]
