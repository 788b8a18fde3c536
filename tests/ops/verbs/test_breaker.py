"""The breaker as an operator sees it, and as a reset opens the way again."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.ops.conftest import Shell
from tests.rig import Rig

SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NULL; END';
CREATE TRIGGER slow AFTER INSERT ON released_payments FOR EACH STATEMENT EXECUTE FUNCTION slow()
"""
SLEEPING = "SELECT pid FROM pg_stat_activity WHERE datname = CURRENT_DATABASE() AND wait_event = 'PgSleep'"


def fail(rig: Rig, batch: dict[str, Any]) -> None:
    """Let a batch's exchange fail after its deposit."""
    rig.deposit(batch)
    rig.peers.exchange.fail(batch["cn_api_id"])


def lose_a_deposit(rig: Rig) -> str:
    """Let one batch's exchange fail after its deposit; the batch's id."""
    rig.clock.forward(hours=-1)
    rig.pay("30.00")
    rig.check()
    batch = rig.batches()[-1]
    fail(rig, batch)
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


def test_a_deposit_that_is_lost_while_the_breaker_is_reset_counts(rig: Rig, shell: Shell) -> None:
    """A check has dated it and has not committed it: a reset at that moment is not one of it."""
    rig.clock.forward(hours=-1)
    first, second = rig.open_batches("30.00", "31.00")
    fail(rig, first)
    rig.clock.forward(minutes=25)
    rig.check()
    fail(rig, second)
    rig.clock.forward(minutes=35)
    rig.sql(SLOW)
    with ThreadPoolExecutor(1) as pool:
        check = pool.submit(rig.check)
        while not rig.sql(SLEEPING) and not check.done():
            time.sleep(0.005)
        typed = shell("breaker", "reset", "--yes")
        check.result(timeout=30)
    assert (typed.code, "a check is running" in typed.err) == (3, True)
    lost = shell("breaker", "show", "--json").document["deposits"]
    assert str(second["batch_conversion_id"]) in [deposit["batch_conversion_id"] for deposit in lost]


def test_a_refund_that_an_operator_gave_back_is_one(rig: Rig, shell: Shell) -> None:
    """The batch ended for his reason, and its ETH is known to have come back: one of them stops nothing."""
    (batch,) = rig.open_batches("30.00")
    rig.deposit(batch)
    rig.peers.exchange.refund(batch["cn_api_id"])
    assert shell("release", "#1", "--yes", "--why", "it took too long").code == 0
    breaker = shell("breaker", "show", "--json").document
    assert (breaker["lost_within_a_day"], breaker["not_known_to_have_come_back"], breaker["open"]) == (1, 0, False)
