"""What batching saved is counted from the costs that each batch's quote told, and nothing is claimed beyond them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.wire import faults
from tests.ops.account.test_receipts import settle
from tests.ops.conftest import Shell
from tests.rig import Rig

K = Decimal("0.31")  # 0.00002 ETH at $3000, and 0.25 USDT


GAS = """
INSERT INTO batch_reconciliations (batch_conversion_id, verdict, is_chain_asked, reconciled_at, deposit_gas_eth)
SELECT batch_conversion_id, 'matched', TRUE, NOW(), CAST(%s AS numeric) FROM batch_conversions WHERE id = %s
"""


@pytest.fixture
def batches(rig: Rig) -> Rig:
    """One batch of five payments, two of them below ChangeNow's $1.50, and one of a single payment."""
    rig.pay("10.00", "8.00", "5.00", "1.00", "0.75", age=timedelta(hours=1))
    rig.check()
    settle(rig, "24.00")
    rig.clock.forward(hours=1)
    rig.pay("30.00")
    rig.check()
    settle(rig, "29.60")
    return rig


def near(text: str, expected: Decimal) -> bool:
    """Whether an amount is as expected, but for the last digits that a quote rounds away."""
    return abs(Decimal(text) - expected) < Decimal("0.0005")


def test_a_batch_saves_a_swap_for_each_payment_that_could_go_alone(batches: Rig, shell: Shell) -> None:
    """(n - 1) K over three of five; those below the minimum are told apart; a batch of one saves nothing."""
    document = shell("savings", "--json").document
    alone, five = document["listed"]
    assert (five["payments"], five["payments_below_minimum"], five["below_minimum_usd"]) == (5, 2, "1.75000000")
    assert near(five["fixed_cost_usd"], K)
    assert near(five["saved_usd"], 2 * K)
    assert near(alone["saved_usd"], Decimal(0))
    quoted = sum(row["quoted_usdt"] for row in batches.batches())
    assert Decimal(document["slippage_usdt"]) == quoted - Decimal("53.60")
    assert (document["batches"], document["batches_measured"], document["swaps_saved"]) == (2, 2, 2)
    assert near(document["fixed_cost_usd"], 2 * K)
    assert near(document["saved_usd"], 2 * K)
    assert abs(Decimal(document["spread_pct"]) - batches.peers.exchange.market.fee_pct) < Decimal("0.01")
    assert document["refunded"] == document["lost"] == {"batches": 0, "eth": "0", "usd": "0"}


def test_the_deposits_gas_is_in_it_where_the_chain_was_asked(batches: Rig, shell: Shell) -> None:
    """In dollars at the batch's own rate, in K and in what was saved; where nobody asked, that is said."""
    five, alone = batches.batches()
    assert "  of it gas   $0.0000 as paid for 0 deposits; not known of 2, of which K is" in shell("savings").out
    batches.sql(GAS, "0.0001", five["id"])
    document = shell("savings", "--json").document
    assert [row["deposit_gas_usd"] is None for row in document["listed"]] == [True, False]
    of_five = document["listed"][1]
    gas_usd = Decimal(of_five["deposit_gas_usd"])
    assert gas_usd == (Decimal("0.0001") * Decimal(of_five["usdt_per_eth"])).quantize(Decimal("1e-8"))
    assert near(of_five["fixed_cost_usd"], K + gas_usd)
    assert near(of_five["saved_usd"], 2 * (K + gas_usd))
    assert (document["batches_with_gas"], Decimal(document["deposit_gas_usd"])) == (1, gas_usd)
    assert near(document["fixed_cost_usd"], 2 * K + gas_usd)
    assert "$0.3000 as paid for 1 deposit; not known of 1, of which K is the fees alone" in shell("savings").out
    batches.sql(GAS, "0.0001", alone["id"])
    assert "  of it gas   $0.6000 as paid for 2 deposits\n" in shell("savings").out


def test_it_reads_as_an_account(batches: Rig, shell: Shell) -> None:
    """The sums in words, below the batches."""
    out = shell("savings").out
    for said in (
        "2 batches completed with 6 payments of $54.75; the costs of 2 were told",
        "fixed costs   $0.62 paid, $0.3100 a swap (K)",
        "saved         $0.62: 2 swaps not made",
        "below minimum 2 payments of $1.75, convertible only together",
        "%: no batching saves it",
    ):
        assert said in out


def test_the_filters_choose(batches: Rig, shell: Shell) -> None:
    """By time, by client; the list is cut, the sums are not."""
    since = (batches.clock() - timedelta(minutes=10)).isoformat()
    for options, count in (
        (["--since", since], 1),
        (["--until", since], 1),
        (["--client", "client"], 2),
        (["--client", "nobody"], 0),
    ):
        assert shell("savings", *options, "--json").document["batches"] == count
    cut = shell("savings", "--limit", 1, "--json").document
    assert (cut["batches"], len(cut["listed"])) == (2, 1)
    assert shell("savings", "--client", "nobody").out == "no batch of that kind has ended\n"


def test_where_no_fee_was_told_nothing_is_claimed(rig: Rig, shell: Shell) -> None:
    """The batch counts, its costs do not."""
    rig.pay("10.00", "15.00")
    for amount in (0.00833, 24.6, 24.6):
        answer = f'{{"toAmount": {amount}}}'.encode()
        rig.peers.exchange.faults.add(method="GET /exchange/estimated-amount", action=faults.body(answer))
    rig.check()
    settle(rig, "24.00")
    document = shell("savings", "--json").document
    assert (document["batches"], document["batches_measured"], document["saved_usd"]) == (1, 0, "0")
    assert document["listed"][0]["saved_usd"] is None
    assert "saved" not in shell("savings").out.splitlines()[2]


@pytest.mark.parametrize(("end", "kind"), [("refund", "refunded"), ("fail", "lost")])
def test_deposits_that_brought_nothing_stand_beside(rig: Rig, shell: Shell, end: str, kind: str) -> None:
    """A refund and a loss are no cost of the swap: what the ETH was worth is told, each in its line."""
    rig.pay("30.00")
    rig.check()
    batch: dict[str, Any] = rig.batches()[-1]
    rig.deposit(batch)
    getattr(rig.peers.exchange, end)(batch["cn_api_id"])
    rig.clock.forward(minutes=40)
    rig.check()
    document = shell("savings", "--json").document
    worth_usd = (batch["amount_eth"] * 3000).quantize(Decimal("0.01"))
    assert document[kind] == {"batches": 1, "eth": str(batch["amount_eth"]), "usd": str(worth_usd)}
    assert document["batches"] == 0
    assert any(line.startswith(f"{kind} ") for line in shell("savings").out.splitlines())
