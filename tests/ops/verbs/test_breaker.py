"""The breaker as an operator sees it, and as a reset opens the way again."""

import json

from tests.ops.conftest import Shell
from tests.rig import Rig


def lose_a_deposit(rig: Rig) -> str:
    """Let one batch's exchange fail after its deposit; the batch's id."""
    rig.clock.forward(hours=-1)
    rig.pay("30.00")
    rig.check()
    batch = rig.batches()[-1]
    exchange = rig.peers.exchange.exchange(batch["cn_api_id"])
    rig.peers.exchange.deposit(exchange.payin_address, exchange.expected_amount_from, "0x" + "ab" * 32)
    rig.peers.exchange.fail(exchange.id)
    rig.clock.forward(minutes=25)
    rig.check()
    return str(batch["batch_conversion_id"])


def test_a_lost_deposit_stops_and_a_reset_goes_on(rig: Rig, shell: Shell) -> None:
    """Shown with its batch, by status too; reset by name, on record; the next check opens again."""
    assert shell("breaker", "show", "--json").document["open"] is False
    assert shell("breaker", "reset", "--yes").out == "nothing to reset: no deposit is counted\n"
    name = lose_a_deposit(rig)
    assert rig.checks()[-1]["reason"] == "deposits_lost"
    shown = shell("breaker", "show")
    assert "OPEN: no batch is opened" in shown.out
    assert name[:8] in shown.out
    assert "./microbatch breaker show" in shell("status").out
    assert shell("breaker", "reset").code == 1, "nobody is there to be asked"
    assert rig.check().reason == "deposits_lost"
    typed = shell("breaker", "reset", "--yes", "--by", "ada", "--why", "ChangeNow has refunded by hand")
    assert typed.code == 0, typed.err
    (act,) = rig.sql("SELECT * FROM operator_acts")
    assert (act["act"], act["by_whom"]) == ("breaker reset", "ada")
    assert json.loads(act["detail"])["deposits"][0]["batch_conversion_id"] == name
    assert shell("breaker", "show", "--json").document["open"] is False
    assert rig.check().reason == "threshold_reached"


def test_a_policy_that_was_never_valid_holds_no_verb_up(rig: Rig, shell: Shell) -> None:
    """Where checks could read no policy from the first, the breaker and a batch are steered all the same."""
    name = lose_a_deposit(rig)
    rig.sql("TRUNCATE threshold_checks")
    rig.set_policy('{"pause": true}')
    rig.check()
    assert rig.checks()[-1]["policy"] is None
    assert shell("breaker", "show", "--json").document["open"] is True
    refused = shell("release", name, "--yes")
    assert (refused.code, refused.err.count("which is final")) == (1, 1)
    assert shell("breaker", "reset", "--yes").code == 0
