"""What is explained stands in lines of its own until a person has dealt with it; what has matched is left alone."""

import json
from datetime import timedelta
from decimal import Decimal

from sandbox.chain.treasury import PayoutFault
from tests.ops.account.reconciliation.history import History, Swap
from tests.ops.account.reconciliation.test_differences import found
from tests.ops.conftest import Shell


def late(history: History, fault: PayoutFault | None = None) -> Swap:
    """A batch given up and paid out after all, as the check puts it on record."""
    swap = history.fail(ends_as="failed")
    paid = history.revive(swap, fault)
    history.rig.sql(
        "UPDATE batch_conversions SET late_usdt_received = %s, late_seen_at = %s WHERE batch_conversion_id = %s",
        paid.amount_to,
        history.rig.clock().replace(tzinfo=None),
        swap.batch_conversion_id,
    )
    return swap


def test_a_late_payout_is_told_until_it_is_dealt_with(history: History, three: Shell) -> None:
    """It has its explanation, so the exit code is 0; a person's word ends it, and is on record."""
    swap = late(history)
    for _ in range(2):
        typed = three("reconcile", "--json")
        assert [finding["word"] for finding in found(typed)] == ["late_payout"], typed.out
        assert typed.code == 0
    settled = three("reconcile", "--settled", swap.name[:8], "--why", "shared out by hand", "--yes", "--json")
    assert settled.code == 0, settled.err
    again = three("reconcile", "--json")
    assert (found(again), again.document["settled"]) == ([], 1)
    (act,) = three("acts", "--json").document["acts"]
    assert (act["act"], act["why"]) == ("reconcile settled", "shared out by hand")
    assert act["detail"]["findings"][0]["word"] == "late_payout"


def test_a_late_payout_that_did_not_arrive_is_a_difference(history: History, three: Shell) -> None:
    """It is on record, and the chain knows nothing of it."""
    late(history, PayoutFault.MISSING)
    typed = three("reconcile", "--json")
    assert sorted(finding["word"] for finding in found(typed)) == ["late_payout", "missing_on_chain"]
    assert typed.code == 1


def test_a_refund_is_told_with_its_transaction(history: History, three: Shell) -> None:
    """What came back, in which transaction: what a person needs to deal with it."""
    swap = history.fail(ends_as="refunded")
    (finding,) = found(three("reconcile", "--json"))
    assert (finding["word"], finding["batch_conversion_id"]) == ("lost_deposit", swap.name)
    assert "refunded 0.00998 ETH to 0x7e5f4552091a69125d5dfcb7b8c2659029395bdf, 0x" in finding["detail"]


def test_a_deposit_that_did_not_come_back_is_told(history: History, three: Shell) -> None:
    """Its own line, exit code 0: the alert on it was another one."""
    history.fail(ends_as="failed")
    typed = three("reconcile")
    assert "lost deposit, to be dealt with: 1" in typed.out
    assert typed.code == 0


def test_a_word_of_a_person_covers_what_was_found_and_no_more(history: History, three: Shell) -> None:
    """A payout that comes after its lost deposit was dealt with is told anew."""
    swap = history.fail(ends_as="failed")
    assert three("reconcile", "--settled", swap.name, "--why", "written off", "--yes").code == 0
    assert three("reconcile").code == 0
    history.revive(swap)
    typed = three("reconcile", "--json")
    assert [finding["word"] for finding in found(typed)] == ["unexplained"]
    assert typed.code == 1


def test_a_difference_can_be_dealt_with(history: History, three: Shell) -> None:
    """The exit code is 0 again."""
    swap = history.complete(PayoutFault.ELSEWHERE)
    assert three("reconcile").code == 1
    assert three("reconcile", "--settled", swap.name, "--why", "ChangeNow paid again", "--yes").code == 0
    assert three("reconcile").code == 0


def test_nobody_deals_with_nothing(history: History, three: Shell) -> None:
    """A batch that matches, a word without a reason, nobody who agrees."""
    good, bad = history.complete(), history.complete(PayoutFault.MISSING)
    assert three("reconcile", "--settled", good.name, "--why", "no reason", "--yes").code == 1
    assert three("reconcile", "--settled", bad.name, "--yes").code == 2
    assert three("reconcile", "--settled", bad.name, "--why", "unsure").code == 1
    assert three("acts", "--json").document["acts"] == []


def test_a_refused_amount_is_told(history: History, three: Shell) -> None:
    """Until it has been accepted."""
    (batch,) = history.rig.open_batches("30.00")
    history.rig.sql("UPDATE batch_conversions SET refused_usdt = 3 WHERE id = %s", batch["id"])
    (finding,) = found(three("reconcile", "--json"))
    assert finding["word"] == "refused_amount"
    assert f"./microbatch accept {batch['batch_conversion_id']} --amount 3" in finding["detail"]


def test_what_has_matched_for_a_week_is_left_alone(history: History, three: Shell) -> None:
    """A batch is compared every night for a week, and then no more; one that differs for ever."""
    history.complete(age=timedelta(days=8))
    history.complete(age=timedelta(days=6))
    bad = history.complete(PayoutFault.MISSING, age=timedelta(days=8))
    assert three("reconcile", "--json").document["batches"] == 3
    typed = three("reconcile", "--json")
    assert typed.document["batches"] == 2
    assert [finding["batch_conversion_id"] for finding in found(typed)] == [bad.name]


def test_a_transaction_that_waits_is_not_missing_yet(history: History, three: Shell) -> None:
    """For a day; then it is."""
    ledger = history.node.ledger
    ledger.mines = False
    deposit = ledger.send("0x7e5f4552091a69125d5dfcb7b8c2659029395bdf", "0x" + "11" * 20, value_wei=1, gas=21_000)
    ledger.mines = True
    ledger._waiting, waiting = [], ledger._waiting
    young, old = history.complete(), history.complete(age=timedelta(days=2))
    ledger._waiting = waiting
    for swap in (young, old):
        history.changenow._exchanges[swap.exchange.id].payout_hash = deposit
    typed = three("reconcile", "--json")
    assert [finding["batch_conversion_id"] for finding in found(typed)] == [old.name]
    assert typed.document["open"] == 1


def test_gas_is_on_record_as_it_was_paid(history: History, three: Shell) -> None:
    """Gas used by its price, to the wei, for whoever counts what a swap cost."""
    swap = history.complete()
    three("reconcile")
    (kept,) = history.rig.sql("SELECT * FROM batch_reconciliations")
    mined = history.node.ledger.mined(bytes.fromhex(swap.exchange.deposits[0].tx_hash[2:]))
    assert mined is not None
    price_wei = (mined.header.base_fee_per_gas or 0) + 100_000_000
    assert kept["deposit_gas_eth"] == Decimal(21_000 * price_wei).scaleb(-18)
    assert kept["deposited_eth"] == Decimal("0.01")
    assert kept["paid_out_usdt"] == swap.exchange.amount_to
    assert (kept["verdict"], kept["is_chain_asked"]) == ("matched", True)
    assert json.loads(three("reconcile", "--json").out)["deposit_gas_eth"] != "0"


def test_what_a_deposit_cost_is_part_of_what_its_swap_cost(history: History, three: Shell) -> None:
    """Read off the chain by the reconciliation, and counted by `savings` from then on."""
    history.complete()
    history.rig.sql("UPDATE batch_conversions SET quoted_usdt = 30, withdrawal_fee_usdt = 0.25, deposit_fee_eth = 0")
    (before,) = three("savings", "--json").document["listed"]
    assert (before["deposit_gas_usd"], Decimal(before["fixed_cost_usd"])) == (None, Decimal("0.25"))
    assert three("reconcile").code == 0
    (after,) = three("savings", "--json").document["listed"]
    (kept,) = history.rig.sql("SELECT deposit_gas_eth FROM batch_reconciliations")
    gas_usd = (kept["deposit_gas_eth"] * 3000).quantize(Decimal("1e-8"))
    assert gas_usd > 0
    assert (Decimal(after["deposit_gas_usd"]), Decimal(after["fixed_cost_usd"])) == (gas_usd, gas_usd + Decimal("0.25"))
