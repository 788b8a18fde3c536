"""Lists and lives: checks, batches, one batch, one payment, what is held, waiting for an end."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.ops.conftest import Shell
from tests.rig import Rig, new_id


def completed(rig: Rig, *amounts_usd: str, usdt: str) -> str:
    """Bring one batch to its end; its id."""
    rig.pay(*amounts_usd)
    rig.check()
    batch = rig.batches()[-1]
    rig.pay_out(batch, usdt)
    rig.call_back(rig.response(batch, usdt))
    return str(batch["batch_conversion_id"])


def expired(rig: Rig, *amounts_usd: str) -> str:
    """Let one batch fail because nobody paid its exchange; its id."""
    rig.pay(*amounts_usd)
    rig.check()
    batch = rig.batches()[-1]
    rig.peers.exchange.expire(batch["cn_api_id"])
    rig.clock.forward(minutes=25)
    rig.set_policy('{"paused": true}')
    rig.check()
    return str(batch["batch_conversion_id"])


def test_checks_are_listed_with_their_reasons(rig: Rig, shell: Shell) -> None:
    """Newest first; of one reason, since a time, at most so many."""
    rig.check()
    completed(rig, "12.00", "13.00", usdt="24.90")
    rig.check()
    listed = shell("checks", "--json").document["checks"]
    assert [check["reason"] for check in listed] == ["below_threshold", "threshold_reached", "below_threshold"]
    assert listed[1]["pending_usd"] == "25.00000000"
    assert listed[1]["checked_at"].endswith("Z")
    assert len(shell("checks", "--reason", "threshold_reached", "--json").document["checks"]) == 1
    assert len(shell("checks", "--limit", "2", "--json").document["checks"]) == 2
    assert shell("checks", "--since", "2040-01-01").out == "no check of that kind\n"
    assert len(shell("checks", "--since", "1h", "--json").document["checks"]) == 3
    assert "threshold_reached" in shell("checks").out
    summary = shell("checks", "--summary", "--json").document["reasons"]
    assert {row["reason"]: row["checks"] for row in summary} == {"below_threshold": 2, "threshold_reached": 1}
    assert summary[1]["pending_usd_max"] == "25.00000000"
    assert "below_threshold" in shell("checks", "--summary", "--since", "2h").out
    assert shell("checks", "--since", "yesterday").code == 2


def test_batches_are_listed(rig: Rig, shell: Shell) -> None:
    """By state, by time, by a client whose payment a batch holds or held."""
    first = completed(rig, "30.00", usdt="29.80")
    second = expired(rig, "40.00")
    rig.sql("UPDATE payout_accumulation SET client_id = 'other' WHERE conversion_status = 'pending'")
    listed = shell("batches", "--json").document["batches"]
    assert [batch["batch_conversion_id"] for batch in listed] == [second, first]
    assert (listed[1]["received_usdt"], listed[1]["payments"]) == ("29.80000000", 1)
    assert [batch["status"] for batch in listed] == ["failed", "completed"]
    (one,) = shell("batches", "--status", "failed", "--json").document["batches"]
    assert one["batch_conversion_id"] == second
    (one,) = shell("batches", "--client", "other", "--json").document["batches"]
    assert one["batch_conversion_id"] == second, "what a failed batch held is on record"
    (one,) = shell("batches", "--client", "client", "--json").document["batches"]
    assert one["batch_conversion_id"] == first
    assert shell("batches", "--client", "nobody").out == "no batch of that kind\n"
    assert first[:8] in shell("batches", "--since", "1d").out


def test_the_life_of_a_batch(rig: Rig, shell: Shell) -> None:
    """From the check that opened it to its end, with what was told of it, times as recorded."""
    batch_id = completed(rig, "30.00", usdt="29.80")
    typed = shell("batch", batch_id[:8], "--json")
    assert typed.code == 0, typed.err
    life = [moment["what"] for moment in typed.document["life"]]
    for what in ("opened by check 1: threshold_reached", "order handed to Cloud Tasks", "event batch.completed"):
        assert any(said.startswith(what) for said in life), (what, life)
    assert [moment["at"] for moment in typed.document["life"]] == sorted(
        moment["at"] for moment in typed.document["life"]
    )
    assert "completed (was swapping)" in shell("batch", "#1").out
    assert (typed.document["held_payments"], typed.document["shares_usdt"]) == (1, "29.80000000")


def test_the_life_of_a_payment_through_failed_batches(rig: Rig, shell: Shell) -> None:
    """Claimed, given back, claimed again, completed with its share."""
    failed = expired(rig, "40.00")
    rig.set_policy("{}")
    rig.check()
    batch = rig.batches()[-1]
    rig.pay_out(batch, "39.90")
    rig.call_back(rig.response(batch, "39.90"))
    (payment,) = rig.payments()
    typed = shell("payment", payment["id"], "--json")
    assert typed.code == 0, typed.err
    life = [moment["what"] for moment in typed.document["life"]]
    assert [what.split(":")[0].split(" with")[0] for what in life] == [
        "came in",
        f"claimed by batch {failed}",
        f"given back by batch {failed}, which failed",
        f"claimed by batch {batch['batch_conversion_id']}",
        "completed",
    ]
    assert typed.document["share_usdt"] == "39.90000000"
    assert "39.9 " in shell("payment", payment["id"]).out.replace("39.90000000", "39.9 ")


def test_payments_that_wait(rig: Rig, shell: Shell) -> None:
    """Oldest, largest, or the one whose ETH is odd first; nothing waits: said."""
    assert shell("pending").out == "nothing waits\n"
    old = rig.pay("3.00", age=timedelta(hours=5))
    rig.pay("4.00", "5.00", eth="0.0015")
    odd = rig.pay("4.50", eth="15")
    big = rig.pay("6.00")
    for sort, first in (("age", old), ("amount", big), ("rate", odd)):
        typed = shell("pending", "--sort", sort, "--json")
        assert typed.code == 0, typed.err
        assert [typed.document["payments"][0]["id"]] == first, sort
    assert len(shell("pending", "--limit", "2", "--json").document["payments"]) == 2
    assert "0.3" in shell("pending", "--sort", "rate").out


def test_payments_that_can_never_be_claimed(rig: Rig, shell: Shell) -> None:
    """Each with its reason, in the list and in its own life; odd times and texts break nothing."""
    (odd,) = rig.pay("NaN")
    rig.sql("UPDATE payout_accumulation SET created_at = 'infinity', client_id = E'a\\x1b[2Jb'")
    typed = shell("held", "--json")
    assert typed.code == 0, typed.err
    assert [(payment["id"], payment["created_at"]) for payment in typed.document["payments"]] == [(odd, "infinity")]
    assert "\x1b" not in shell("held").out
    typed = shell("payment", odd)
    assert typed.code == 0, typed.err
    assert "held_because" in typed.out
    assert shell("payment", odd, "--json").document["life"] == []
    assert shell("held", "--reason", "before_cut_over").out == "nothing is held\n"


def test_a_held_payments_time_is_written_as_everywhere(rig: Rig, shell: Shell) -> None:
    """Whatever way the server writes dates, and before Christ as it writes them."""
    rig.pay("-1", "-1")
    rig.sql("UPDATE payout_accumulation SET created_at = '2026-10-20 08:00:00.5' WHERE id = 1")
    rig.sql("UPDATE payout_accumulation SET created_at = '0044-03-15 BC' WHERE id = 2")
    rig.sql(f"ALTER DATABASE \"{rig.fence_name}\" SET datestyle = 'German'")
    first, second = shell("held", "--json").document["payments"]
    assert (first["created_at"], second["created_at"]) == ("2026-10-20T08:00:00.500000Z", "15.03.0044 00:00:00 BC")
    assert " 2026-10-20 08:00:00Z " in shell("held").out


def test_nobody_knows_the_payment(rig: Rig, shell: Shell) -> None:
    """One line, exit code 1; what is no id is usage."""
    typed = shell("payment", 4711)
    assert (typed.code, typed.out, typed.err) == (1, "", "microbatch: no payment 4711\n")
    assert shell("payment", "abc").code == 2
    assert shell("payment", 2**40).code == 2


def test_waiting_for_a_batch(rig: Rig, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 once it is completed, 1 once it has failed, 8 while it runs."""
    rig.pay("30.00")
    rig.check()
    (batch,) = rig.batches()
    typed = shell("wait", "#1", "--timeout", "0", "--json")
    assert (typed.code, typed.document["status"]) == (8, "swapping")
    rig.pay_out(batch, "29.80")
    rig.call_back(rig.response(batch, "29.80"))
    typed = shell("wait", "#1", "--json")
    assert (typed.code, Decimal(typed.document["received_usdt"])) == (0, Decimal("29.80"))
    failed = expired(rig, "40.00")
    assert shell("wait", failed, "--timeout", "0").code == 1
    assert shell("wait", new_id()).code == 1


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon"])
def test_a_wait_that_never_ends_is_usage(seconds: str, bare_shell: Shell) -> None:
    """No number is no length of time."""
    assert bare_shell("wait", "#1", "--timeout", seconds).code == 2
    assert bare_shell("trigger", "--wait", "--timeout", seconds).code == 2


def test_an_old_payment_without_a_time_has_a_life(rig: Rig, shell: Shell) -> None:
    """What older services left behind: no time, no status."""
    (old,) = rig.pay("5.00", age=timedelta(days=400))
    rig.sql("UPDATE payout_accumulation SET created_at = NULL, paid_out_at = NOW(), payout_batch_id = 'p1'")
    life = shell("payment", old, "--json").document["life"]
    assert [moment["what"] for moment in life] == ["paid out to the client in payout p1"]
