"""Each difference is found under its own word, and nothing else is."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sandbox.chain.accounts import OTHER_TOKEN, STRANGER
from sandbox.chain.treasury import PayoutFault
from tests.ops.account.reconciliation.history import History, Swap
from tests.ops.conftest import Shell, Typed

Plant = Callable[[History], Swap]


def found(typed: Typed) -> list[dict[str, Any]]:
    """The findings of a run."""
    findings: list[dict[str, Any]] = typed.document["findings"]
    return findings


def an_amount_changed_at_changenow(history: History) -> Swap:
    """ChangeNow's record says another amount than it did."""
    swap = history.complete()
    history.changenow.restate(swap.exchange.id, Decimal("99.000000"))
    return swap


def an_amount_changed_with_us(history: History) -> Swap:
    """A cent more was distributed than came."""
    swap = history.complete()
    assert swap.exchange.amount_to is not None
    return history.complete(received_usdt=swap.exchange.amount_to + Decimal("0.01"))


def a_deposit_of_another_amount(history: History) -> Swap:
    """What we have on record of the deposit is not what was sent."""
    return history.complete(deposit_eth=Decimal("0.00999999"))


def another_deposit_reported(history: History) -> Swap:
    """GCHostPay1 reports the deposit of another batch."""
    other = history.complete()
    return history.complete(tx_hash=other.exchange.deposits[0].tx_hash)


def unknown_at_changenow(history: History) -> Swap:
    """ChangeNow has never heard of the exchange."""
    swap = history.complete()
    del history.changenow._exchanges[swap.exchange.id]
    return swap


def a_payout_of_a_batch_given_up(history: History) -> Swap:
    """USDT came for a batch that failed, and the check has not seen it yet."""
    swap = history.fail(ends_as="failed")
    history.revive(swap)
    return swap


PLANTS: tuple[tuple[Plant, str, str], ...] = (
    (an_amount_changed_at_changenow, "amount_differs", ""),
    (an_amount_changed_with_us, "amount_differs", ""),
    (a_deposit_of_another_amount, "amount_differs", ""),
    (another_deposit_reported, "unexplained", "GCHostPay1 reports 0x"),
    (unknown_at_changenow, "missing_at_changenow", "ChangeNow knows no exchange"),
    (lambda history: history.complete(PayoutFault.MISSING), "missing_on_chain", "no transaction 0x"),
    (lambda history: history.complete(PayoutFault.REVERTED), "missing_on_chain", "failed"),
    (lambda history: history.complete(PayoutFault.ELSEWHERE), "unexplained", f"went to {STRANGER}"),
    (lambda history: history.complete(PayoutFault.OTHER_TOKEN), "unexplained", f"another token, {OTHER_TOKEN}"),
    (lambda history: history.complete(PayoutFault.OTHER_AMOUNT), "amount_differs", ""),
    (lambda history: history.complete(deposits=2), "unexplained", "0x"),
    (a_payout_of_a_batch_given_up, "unexplained", "not on record with us"),
)


def test_what_is_as_it_should_be_matches(history: History, three: Shell) -> None:
    """Completed batches, one given up that nobody paid, and one that is under way."""
    for _ in range(3):
        history.complete()
    history.fail(ends_as="expired", paid=False)
    history.rig.open_batches("30.00")
    typed = three("reconcile", "--json")
    assert (typed.code, found(typed)) == (0, []), typed.out
    document = typed.document
    assert (document["matched"], document["open"], document["differs"]) == (4, 1, 0)
    assert document["sources"] == ["ours", "ChangeNow", "the chain"]


def plant_all(history: History) -> dict[str, tuple[str, str]]:
    """Plant each difference among good batches; returns the word and the detail by batch."""
    planted = {}
    for plant, word, detail in PLANTS:
        history.complete()
        planted[plant(history).name] = (word, detail)
    return planted


def check_all(typed: Typed, planted: dict[str, tuple[str, str]]) -> None:
    """What was planted is found, each once and under its word; nothing else."""
    findings = {finding["batch_conversion_id"]: finding for finding in found(typed)}
    assert findings.keys() == planted.keys()
    assert len(found(typed)) == len(planted)
    for name, (word, detail) in planted.items():
        assert findings[name]["word"] == word, findings[name]
        assert detail in findings[name]["detail"], findings[name]
    assert (typed.code, typed.document["differs"], typed.document["unexplained"]) == (1, len(planted), len(planted))
    assert typed.document["not_asked"] == {}


def test_each_difference_is_found_and_nothing_else(history: History, three: Shell) -> None:
    """Among good batches; the exit code is 1, and all is found again the next time."""
    planted = plant_all(history)
    for _ in range(2):
        check_all(three("reconcile", "--json"), planted)


def test_all_three_amounts_are_told(history: History, three: Shell) -> None:
    """Who says what, to the last digit."""
    swap = history.complete(PayoutFault.OTHER_AMOUNT)
    (finding,) = found(three("reconcile", "--json"))
    told = swap.exchange.amount_to
    assert told is not None
    assert (Decimal(finding["ours"]), Decimal(finding["changenow"])) == (told, told)
    assert Decimal(finding["chain"]) == told - Decimal("0.01")
    assert "amount differs: 1" in three("reconcile").out


def test_the_same_transfer_pays_one_batch(history: History, three: Shell) -> None:
    """ChangeNow names one payout for two exchanges: the second has no money of its own, in this run or a later one."""
    first = history.complete()
    assert three("reconcile").code == 0
    second = history.complete()
    history.changenow._exchanges[second.exchange.id].payout_hash = first.exchange.payout_hash
    typed = three("reconcile", "--json")
    (finding,) = found(typed)
    assert (finding["batch_conversion_id"], finding["word"]) == (second.name, "unexplained")
    assert finding["detail"] == f"the same transfer belongs to batch {first.name}"


def test_a_deposit_that_changenow_never_saw(history: History, three: Shell) -> None:
    """The host wallet paid, ChangeNow knows of nothing: only the chain tells."""
    history.changenow.loses_deposits = True
    swap = history.fail(ends_as="expired", deposit_lost_at=None, deposit_eth=None, payin_hash=None)
    history.changenow.loses_deposits = False
    (finding,) = found(three("reconcile", "--json"))
    assert (finding["batch_conversion_id"], finding["word"]) == (swap.name, "unexplained")
    assert finding["what"] == "deposit in ETH that ChangeNow does not know"
    assert Decimal(finding["chain"]) == Decimal("0.01")


def test_less_than_a_unit_of_the_token_is_no_difference(history: History, three: Shell) -> None:
    """ChangeNow writes eight decimals, the chain has six: what cannot be sent is not missing."""
    history.changenow.next_amount_to = Decimal("28.12345678")
    history.complete()
    history.changenow.next_amount_to = Decimal("28.12345699")
    history.complete()
    assert three("reconcile").code == 0
    history.changenow.next_amount_to = Decimal("28.123457")
    history.complete(received_usdt=Decimal("28.12345599"))
    assert [finding["word"] for finding in found(three("reconcile", "--json"))] == ["amount_differs"]


def test_what_lies_outside_the_period_is_not_asked_about(history: History, three: Shell) -> None:
    """A period compares everything in it, what matched before too; nothing else."""
    old = history.complete(PayoutFault.MISSING, age=timedelta(days=40))
    history.complete()
    assert three("reconcile", "--since", "30d", "--json").document["batches"] == 1
    typed = three("reconcile", "--until", "30d", "--json")
    assert [finding["batch_conversion_id"] for finding in found(typed)] == [old.name]
    assert three("reconcile", "--json").document["batches"] == 2
