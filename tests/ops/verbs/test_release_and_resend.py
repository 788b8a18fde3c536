"""A batch given back, or ordered again, only where it is certain that nothing was paid; act and event on record."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import grpc
import pytest

from sandbox.wire.faults import hang, refuse, status
from shared.flow.check_lock import CHECK_LOCK
from shared.flow.context import CheckDependencies
from shared.settings import CheckSettings
from shared.wiring.check_threshold import wire_check
from tests.ops.conftest import Shell
from tests.rig import QUEUE, Rig, new_id

VOUCH = "--gchostpay1-has-not-paid"


@pytest.fixture
def ordered(rig: Rig) -> dict[str, Any]:
    """A batch of $30 whose order went out an hour ago and still waits in its queue, untried."""
    rig.clock.forward(hours=-1)
    rig.pay("12.00", "18.00")
    rig.check()
    rig.clock.forward(hours=1)
    return rig.batches()[0]


def take_orders(rig: Rig) -> None:
    """Let what the queue holds end, delivered or not: nobody can tell from outside."""
    client = rig.check_dependencies.orders.client.get()
    for name in waiting(rig):
        client.delete_task(name=name)


def waiting(rig: Rig) -> list[str]:
    """The orders of this database's batches that the queue still holds."""
    mine = [str(batch["batch_conversion_id"]) for batch in rig.batches()]
    names = [task.name for task in rig.peers.tasks.tasks(QUEUE)]
    return [name for name in names if any(batch in name for batch in mine)]


def acts(rig: Rig) -> list[tuple[str, str, str | None]]:
    """Who did what, and why."""
    return [(row["act"], row["by_whom"], row["why"]) for row in rig.sql("SELECT * FROM operator_acts ORDER BY id")]


def test_a_batch_whose_order_was_never_delivered_is_released(rig: Rig, shell: Shell, ordered: dict[str, Any]) -> None:
    """The order leaves its queue, the payments wait again, event and act are on record; the next check goes on."""
    typed = shell("release", ordered["batch_conversion_id"], "--yes", "--by", "ada", "--why", "GCHostPay1 is down")
    assert typed.code == 0, typed.err
    assert "ChangeNow says: waiting" in typed.err
    assert "1 h old, still in its queue (0 deliveries)" in typed.err
    (batch,) = rig.batches()
    assert (batch["conversion_status"], batch["failure_reason"]) == ("failed", "operator: GCHostPay1 is down")
    assert {payment["conversion_status"] for payment in rig.payments()} == {"pending"}
    assert waiting(rig) == []
    assert acts(rig) == [("release", "ada", "GCHostPay1 is down")]
    events = rig.sql("SELECT event FROM batch_events ORDER BY id")
    assert [row["event"] for row in events] == ["batch.created", "batch.failed"]
    assert rig.check().reason == "threshold_reached"
    asked = len(rig.peers.exchange.requests)
    for verb in ("release", "resend"):
        typed = shell(verb, ordered["batch_conversion_id"], "--yes")
        assert typed.code == 1
        assert "is failed, which is final" in typed.err
    assert len(rig.peers.exchange.requests) == asked, "what has ended is refused before anybody is asked"


def test_what_may_have_been_delivered_wants_a_look_into_gchostpay1s_log(
    rig: Rig, shell: Shell, ordered: dict[str, Any]
) -> None:
    """Refused with the address to look for; with a person's word, which is on record, it is done."""
    take_orders(rig)
    typed = shell("release", "#1", "--yes")
    assert typed.code == 1
    assert ordered["payin_address"] in typed.err
    assert VOUCH in typed.err
    assert rig.batches()[0]["conversion_status"] == "swapping"
    assert shell("release", "#1", "--yes", VOUCH).code == 0
    (act,) = rig.sql("SELECT detail FROM operator_acts")
    assert json.loads(act["detail"])["vouched"] is True


def test_a_young_order_is_not_released(rig: Rig, shell: Shell) -> None:
    """GCHostPay1 takes one up to 300 seconds old: whoever types in time is told until when to wait."""
    rig.pay("30.00")
    rig.check()
    for verb in ("release", "resend"):
        typed = shell(verb, "#1", "--yes", VOUCH)
        assert typed.code == 1
        assert "may still take the order" in typed.err
    assert acts(rig) == []


@pytest.mark.parametrize("step", ["confirming", "verifying", "finished"])
def test_a_deposit_that_was_seen_is_never_given_back(
    step: str, rig: Rig, shell: Shell, ordered: dict[str, Any]
) -> None:
    """Whatever a person says."""
    exchange = rig.peers.exchange.exchange(ordered["cn_api_id"])
    rig.peers.exchange.deposit(exchange.payin_address, exchange.expected_amount_from, "0x" + "ab" * 32)
    if step == "verifying":
        rig.peers.exchange.verify(exchange.id)
    if step == "finished":
        rig.peers.exchange.finish(exchange.id, Decimal(29))
    for verb in ("release", "resend"):
        typed = shell(verb, "#1", "--yes", VOUCH)
        assert typed.code == 1, typed.err
        assert f"ChangeNow says {step}" in typed.err
    assert rig.batches()[0]["conversion_status"] == "swapping"


def test_while_changenow_or_cloud_tasks_is_away_nothing_is_certain(
    rig: Rig, shell: Shell, ordered: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Try again: exit code 3, and nothing has changed."""
    rig.peers.exchange.faults.add("GET /exchange/by-id", status(500), times=None)
    assert shell("release", "#1", "--yes", VOUCH).code == 3
    rig.peers.exchange.faults.clear()
    rig.peers.exchange.faults.add("GET /exchange/by-id", hang, times=None)
    assert shell("resend", "#1", "--yes", VOUCH).code == 3
    rig.peers.exchange.faults.clear()
    rig.peers.tasks.faults.add("GetTask", refuse(grpc.StatusCode.UNAVAILABLE), times=None)
    monkeypatch.setattr("ops.outside.order_tasks.TIMEOUT_S", 0.5)
    assert shell("release", "#1", "--yes", VOUCH).code == 3
    assert rig.batches()[0]["conversion_status"] == "swapping"
    assert acts(rig) == []


def test_an_exchange_that_changenow_will_not_tell_of(rig: Rig, shell: Shell, ordered: dict[str, Any]) -> None:
    """Not found there, and an order is out: a person's word is wanted; nothing was ever ordered: none is."""
    rig.peers.exchange.faults.add(
        "GET /exchange/by-id", status(404, body='{"error": "not_found", "message": "none"}'), times=None
    )
    take_orders(rig)
    assert shell("release", "#1", "--yes").code == 1
    assert shell("release", "#1", "--yes", VOUCH).code == 0


def test_a_batch_without_an_exchange_is_released(rig: Rig, shell: Shell) -> None:
    """Nobody was ever told to pay."""
    rig.peers.exchange.faults.add("POST /exchange", status(500), times=None)
    rig.pay("30.00")
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "pending"
    typed = shell("release", "#1", "--yes")
    assert typed.code == 0, typed.err
    assert "not made" in typed.err
    assert rig.batches()[0]["conversion_status"] == "failed"
    typed = shell("resend", "#1", "--yes")
    assert typed.code == 1


def test_a_lost_order_is_sent_again(rig: Rig, shell: Shell, ordered: dict[str, Any]) -> None:
    """Under a name of its own, young again, to the same address; checks leave it alone, and its payout settles it."""
    take_orders(rig)
    assert shell("resend", "#1", "--yes").code == 1, "GCHostPay1 may have it"
    typed = shell("resend", "#1", "--yes", VOUCH, "--by", "ada")
    assert typed.code == 0, typed.err
    (name,) = waiting(rig)
    assert name.endswith(f"/batch-{ordered['batch_conversion_id']}-1")
    first, second = rig.orders()
    assert (second.cn_api_id, second.payin_address, second.from_amount) == (
        first.cn_api_id,
        first.payin_address,
        first.from_amount,
    )
    assert second.timestamp > first.timestamp
    assert acts(rig) == [("resend", "ada", None)]
    rig.check()
    assert len(rig.orders()) == 2, "no check sends another beside it"
    assert shell("resend", "#1", "--yes", VOUCH).code == 1, "it is young again"
    rig.pay_out(ordered, "29.80")
    rig.call_back(rig.response(ordered, "29.80"))
    assert rig.batches()[0]["conversion_status"] == "completed"


def test_a_crash_after_the_intent_counts_as_an_order(rig: Rig, shell: Shell, ordered: dict[str, Any]) -> None:
    """Cloud Tasks never got it, and nobody knows: no check sends a second one under the first one's name."""
    take_orders(rig)
    rig.peers.tasks.forget_names(QUEUE)
    rig.peers.tasks.faults.add("CreateTask", refuse(grpc.StatusCode.PERMISSION_DENIED), times=None)
    assert shell("resend", "#1", "--yes", VOUCH).code == 1
    rig.peers.tasks.faults.clear()
    rig.check()
    assert len(rig.orders()) == 1
    assert acts(rig)[0][0] == "resend"


def test_an_order_in_doubt_that_is_sent_again_is_told_of(rig: Rig, shell: Shell) -> None:
    """Nobody knew whether the first one was out; now one surely is."""
    rig.clock.forward(hours=-1)
    rig.peers.tasks.faults.add("CreateTask", refuse(grpc.StatusCode.INTERNAL), times=None)
    rig.pay("30.00")
    rig.check()
    rig.peers.tasks.faults.clear()
    rig.clock.forward(hours=1)
    assert rig.events() == []
    assert shell("resend", "#1", "--yes", VOUCH).code == 0
    assert rig.events() == ["batch.created"]


def test_a_quote_that_is_no_longer_worth_it_is_not_ordered_again(
    rig: Rig, shell: Shell, ordered: dict[str, Any]
) -> None:
    """The guard of every order holds for this one."""
    take_orders(rig)
    rig.peers.exchange.market = rig.peers.exchange.market.__class__(
        eth_price_usd=Decimal(1000), fee_pct=Decimal("0.5"), slippage_pct=Decimal(0)
    )
    typed = shell("resend", "#1", "--yes", VOUCH)
    assert (typed.code, "quote_refused" in typed.err) == (1, True)
    assert len(rig.orders()) == 1


def test_an_order_that_was_never_sent_is_the_checks_to_send(rig: Rig, shell: Shell) -> None:
    """Refused by Cloud Tasks, so that surely none exists: it can be released, and the next check would send it."""
    rig.peers.tasks.faults.add("CreateTask", refuse(grpc.StatusCode.PERMISSION_DENIED))
    rig.pay("30.00")
    rig.check()
    typed = shell("resend", "#1", "--yes")
    assert (typed.code, "no order was ever sent" in typed.err) == (1, True)
    assert shell("release", "#1", "--yes").code == 0


def test_a_check_that_runs_is_not_disturbed(rig: Rig, shell: Shell, ordered: dict[str, Any]) -> None:
    """The verb holds the check's lock, or says that somebody else does."""
    with rig.check_dependencies.database.exclusive(CHECK_LOCK) as session:
        assert session is not None
        typed = shell("release", "#1", "--yes", VOUCH)
    assert (typed.code, "a check is running" in typed.err) == (3, True)


def test_nobody_agrees(rig: Rig, shell: Shell, ordered: dict[str, Any]) -> None:
    """Evidence and plan are shown, and nothing is done: the order stays in its queue."""
    for verb in ("release", "resend"):
        typed = shell(verb, "#1")
        assert typed.code == 1
        assert "ChangeNow says: waiting" in typed.err
    assert len(waiting(rig)) == 1
    assert shell("release", new_id(), "--yes").code == 1


def test_a_callback_that_comes_first_wins(rig: Rig, shell: Shell, ordered: dict[str, Any]) -> None:
    """The batch ends while the operator reads: nothing is given back."""

    def settle(*_: object, **__: object) -> bool:
        rig.pay_out(ordered, "29.80")
        rig.call_back(rig.response(ordered, "29.80"))
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ops.command_line.acts.sys.stdin.isatty", lambda: True, raising=False)
        patch.setattr("ops.command_line.acts.click.confirm", settle)
        typed = shell("release", "#1")
    assert (typed.code, "has ended meanwhile" in typed.err) == (1, True)
    assert acts(rig) == []


def test_a_clock_that_is_off_judges_no_order(rig: Rig, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order left a moment ago; by a clock that is a quarter of an hour fast it would be dead."""
    rig.pay("30.00")
    rig.check()

    def wire_fast(settings: CheckSettings, **parts: Any) -> CheckDependencies:
        return wire_check(settings, now=lambda: datetime.now(UTC) + timedelta(minutes=15), **parts)

    monkeypatch.setattr("ops.steering.evidence.wire_check", wire_fast)
    for verb in ("release", "resend"):
        typed = shell(verb, "#1", "--yes", VOUCH)
        assert (typed.code, "clock is 900 s ahead of the database's" in typed.err) == (1, True), typed.err
    assert rig.batches()[0]["conversion_status"] == "swapping"


def test_a_shell_that_was_not_told_of_the_fence_steers_nothing(
    rig: Rig, shell: Shell, ordered: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checks keep one: without it nobody here knows whether the database has forgotten an order."""
    rig.check()
    monkeypatch.delenv("FENCE")
    take_orders(rig)
    for verb in ("release", "resend"):
        typed = shell(verb, "#1", "--yes", VOUCH)
        assert (typed.code, "FENCE is not set here" in typed.err) == (1, True), typed.err
    assert rig.batches()[0]["conversion_status"] == "swapping"
