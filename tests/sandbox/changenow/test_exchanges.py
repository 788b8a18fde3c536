"""The lives that an exchange can have: good ones, bad ones, late ones, by schedule or by hand."""

from decimal import Decimal

import pytest
import requests

from sandbox.changenow.exchange import Schedule
from sandbox.changenow.server import ChangeNow
from tests.sandbox.changenow.client import HASH, Clock, by_id, create, numbers


def test_an_exchange_lives_from_waiting_to_finished(changenow: ChangeNow, clock: Clock) -> None:
    """It waits for the deposit, walks through the states, and tells amountTo only at the end."""
    changenow.schedule = Schedule(confirming_s=10, exchanging_s=20, sending_s=30)
    made = numbers(create(changenow))
    clock.pass_by(3600)
    waiting = by_id(changenow, made["id"])
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    seen = [by_id(changenow, made["id"])]
    for seconds in (10, 20, 30):
        clock.pass_by(seconds)
        seen.append(by_id(changenow, made["id"]))

    assert (waiting["status"], waiting["amountFrom"], waiting["payinHash"]) == (
        "waiting",
        None,
        None,
    )
    assert [e["status"] for e in seen] == ["confirming", "exchanging", "sending", "finished"]
    assert [e["amountTo"] for e in seen[:3]] == [None] * 3
    assert [e["amountFrom"] for e in seen] == [Decimal("0.0165")] * 4
    assert seen[0]["depositReceivedAt"] == "2026-11-22T10:00:00.000Z"
    assert seen[3]["updatedAt"] == "2026-11-22T10:01:00.000Z"
    assert seen[3]["payinHash"] == HASH
    assert len(seen[3]["payoutHash"]) == 66


def test_what_arrives_differs_from_what_was_expected(changenow: ChangeNow, clock: Clock) -> None:
    """Slippage takes 0.2 % of the expected amount, to six places."""
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    clock.pass_by(60)
    finished = by_id(changenow, made["id"])

    assert finished["expectedAmountTo"] == Decimal("48.9428")
    assert finished["amountTo"] == Decimal("48.844914")


def test_a_test_can_say_what_comes_out(changenow: ChangeNow, clock: Clock) -> None:
    """The amount set holds for one exchange, the next to finish."""
    changenow.next_amount_to = Decimal("48.50")
    amounts = []
    for _ in range(2):
        made = numbers(create(changenow))
        changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
        clock.pass_by(60)
        amounts.append(by_id(changenow, made["id"])["amountTo"])

    assert amounts == [Decimal("48.5"), Decimal("48.844914")]


def test_the_deposit_decides_what_is_exchanged(changenow: ChangeNow, clock: Clock) -> None:
    """Half of the expected coins bring what half of them are worth."""
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.00825"), HASH)
    clock.pass_by(60)
    finished = by_id(changenow, made["id"])

    assert finished["amountFrom"] == Decimal("0.00825")
    assert finished["amountTo"] < finished["expectedAmountTo"] / 2


def test_a_second_deposit_is_recorded_and_changes_nothing(changenow: ChangeNow) -> None:
    """So that a payment made twice is seen."""
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), "0x" + "cd" * 32)
    exchange = changenow.exchange(made["id"])

    assert [d.tx_hash for d in exchange.deposits] == [HASH, "0x" + "cd" * 32]
    assert exchange.amount_from == Decimal("0.0165")


def test_an_exchange_is_new_before_it_waits(changenow: ChangeNow, clock: Clock) -> None:
    """For as long as the schedule says: GCHostPay1 refuses it meanwhile."""
    changenow.schedule = Schedule(new_s=30)
    made = numbers(create(changenow))
    assert by_id(changenow, made["id"])["status"] == "new"
    clock.pass_by(30)
    assert by_id(changenow, made["id"])["status"] == "waiting"


@pytest.mark.parametrize("ending", ["failed", "refunded", "verifying"])
def test_a_schedule_can_end_badly_after_the_deposit(changenow: ChangeNow, clock: Clock, ending: str) -> None:
    """What came in stays told, nothing is paid out; a verified one goes on when somebody lets it."""
    changenow.schedule = Schedule(ends_as=ending)
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    clock.pass_by(3600)
    told = by_id(changenow, made["id"])
    assert (told["status"], told["amountFrom"], told["amountTo"]) == (ending, Decimal("0.0165"), None)
    assert (told["refundAmount"] is not None) == (ending == "refunded")
    if ending == "verifying":
        changenow.schedule = Schedule()
        assert changenow.advance(made["id"]) == "exchanging"


def test_a_failed_exchange_can_be_paid_out_late(changenow: ChangeNow, clock: Clock) -> None:
    """By the schedule or by hand, days later; one that was refunded, or never paid, is not."""
    changenow.schedule = Schedule(ends_as="failed", paid_late_after_s=86400, expires_after_s=60)
    paid, unpaid = numbers(create(changenow)), numbers(create(changenow))
    changenow.deposit(paid["payinAddress"], Decimal("0.0165"), HASH)
    clock.pass_by(3600)
    assert [by_id(changenow, each["id"])["status"] for each in (paid, unpaid)] == ["failed", "expired"]
    clock.pass_by(86400)
    assert [by_id(changenow, each["id"])["status"] for each in (paid, unpaid)] == ["finished", "expired"]
    assert by_id(changenow, paid["id"])["amountTo"] == Decimal("48.844914")
    url = f"{changenow.url}/_exchange"
    revived = requests.post(url, json={"id": unpaid["id"], "verb": "revive", "amount": "48.5"}, timeout=5)
    assert numbers(revived)["amountTo"] == Decimal("48.5")
    again = requests.post(url, json={"id": unpaid["id"], "verb": "revive"}, timeout=5)
    assert (again.status_code, again.json()["error"]) == (409, "not_available")


def test_a_deposit_is_seen_after_a_while(changenow: ChangeNow, clock: Clock) -> None:
    """Still waiting meanwhile, so that a second order would be paid as well; too late is too late."""
    changenow.schedule = Schedule(seen_after_s=60, confirming_s=None, expires_after_s=90)
    made, late = numbers(create(changenow)), numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    clock.pass_by(59)
    assert by_id(changenow, made["id"])["status"] == "waiting"
    changenow.deposit(late["payinAddress"], Decimal("0.0165"), HASH)
    clock.pass_by(1)
    told = by_id(changenow, made["id"])
    assert (told["status"], told["amountFrom"]) == ("confirming", Decimal("0.0165"))
    clock.pass_by(3600)
    told = by_id(changenow, late["id"])
    assert (told["status"], told["amountFrom"], told["payinHash"]) == ("expired", None, HASH)


def test_a_deposit_can_be_lost(changenow: ChangeNow) -> None:
    """The coins have left, and ChangeNow knows nothing of them."""
    changenow.loses_deposits = True
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    told = by_id(changenow, made["id"])
    assert (told["status"], told["payinHash"], told["amountFrom"]) == ("waiting", None, None)
    assert len(changenow.exchange(made["id"]).deposits) == 1


def test_an_exchange_is_moved_by_hand(changenow: ChangeNow) -> None:
    """One state at a time, then finished with a given amount, then never again."""
    changenow.schedule = Schedule.by_hand()
    exchange_id = numbers(create(changenow))["id"]
    states = [changenow.advance(exchange_id) for _ in range(3)]
    changenow.finish(exchange_id, amount_to=Decimal("47.123456"))

    assert states == ["confirming", "exchanging", "sending"]
    assert by_id(changenow, exchange_id)["amountTo"] == Decimal("47.123456")
    with pytest.raises(ValueError, match="stays so"):
        changenow.advance(exchange_id)
    with pytest.raises(ValueError, match="stays so"):
        changenow.fail(exchange_id)


@pytest.mark.parametrize(
    ("verb", "status_word"),
    [("fail", "failed"), ("expire", "expired"), ("verify", "verifying"), ("refund", "refunded")],
)
def test_an_exchange_can_end_badly(changenow: ChangeNow, verb: str, status_word: str) -> None:
    """No amountTo then; a refund tells what came back."""
    made = numbers(create(changenow))
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)
    url = f"{changenow.url}/_exchange"
    answer = requests.post(url, json={"id": made["id"], "verb": verb}, timeout=5)
    document = by_id(changenow, made["id"])

    assert answer.status_code == 200
    assert (document["status"], document["amountTo"]) == (status_word, None)
    assert document["refundAmount"] == (Decimal("0.01648") if verb == "refund" else None)


def test_an_exchange_nobody_pays_expires(changenow: ChangeNow, clock: Clock) -> None:
    """When the schedule says so; a deposit after that is recorded and does nothing."""
    changenow.schedule = Schedule(expires_after_s=1200)
    made = numbers(create(changenow))
    clock.pass_by(1201)
    changenow.deposit(made["payinAddress"], Decimal("0.0165"), HASH)

    assert by_id(changenow, made["id"])["status"] == "expired"
    assert len(changenow.exchange(made["id"]).deposits) == 1
