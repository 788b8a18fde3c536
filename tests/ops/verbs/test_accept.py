"""Accepting an unusual amount: that very amount, by name, with the evidence on record."""

import json

import pytest

from sandbox.wire.faults import hang, status
from shared.errors import BatchConflict
from tests.ops.conftest import Shell
from tests.rig import Rig, new_id


def refused(rig: Rig, usdt: str) -> str:
    """Bring a batch of $30 to where another amount arrived and was refused; its id."""
    rig.pay("30.00")
    rig.check()
    (batch,) = rig.batches()
    rig.pay_out(batch, usdt)
    with pytest.raises(BatchConflict):
        rig.call_back(rig.response(batch, usdt))
    return str(batch["batch_conversion_id"])


def test_an_accepted_amount_is_distributed(rig: Rig, shell: Shell) -> None:
    """Refused, looked at, accepted with the evidence: the next check completes the batch."""
    name = refused(rig, "14.00")
    rig.clock.forward(hours=2)
    rig.check()
    typed = shell("accept", name[:8], "--amount", "14", "--yes", "--by", "ada", "--why", "seen on chain")
    assert typed.code == 0, typed.err
    assert "14 USDT, 46.7 % of that" in typed.err
    (act,) = rig.sql("SELECT * FROM operator_acts")
    assert (act["act"], str(act["batch_conversion_id"]), act["by_whom"]) == ("accept", name, "ada")
    assert json.loads(act["detail"])["paid_out_usdt"] == "14"
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "completed"
    assert "accept by ada: seen on chain" in shell("batch", name).out
    typed = shell("accept", name, "--amount", "14", "--yes")
    assert typed.code == 1
    assert "is completed" in typed.err


@pytest.mark.parametrize("amount", ["15", "14.01", "13.999998"])
def test_another_amount_than_changenows_is_not_accepted(amount: str, rig: Rig, shell: Shell) -> None:
    """Whoever mistypes it accepts nothing."""
    name = refused(rig, "14.00")
    typed = shell("accept", name, "--amount", amount, "--yes")
    assert typed.code == 1
    assert "paid out 14 USDT" in typed.err
    assert rig.batches()[0]["amount_accepted_at"] is None
    assert rig.sql("SELECT * FROM operator_acts") == []


def test_nothing_has_arrived_yet(rig: Rig, shell: Shell) -> None:
    """There is nothing to accept."""
    rig.pay("30.00")
    rig.check()
    typed = shell("accept", "#1", "--amount", "14", "--yes")
    assert (typed.code, "ChangeNow says waiting" in typed.err) == (1, True)


def test_nobody_agrees(rig: Rig, shell: Shell) -> None:
    """Shown, not done."""
    name = refused(rig, "14.00")
    typed = shell("accept", name, "--amount", "14")
    assert typed.code == 1
    assert "cannot be taken back" in typed.err
    assert rig.batches()[0]["amount_accepted_at"] is None


def test_changenow_does_not_answer(rig: Rig, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence, or an error: try again; without a key: say so. One line, and nothing has changed."""
    name = refused(rig, "14.00")
    rig.peers.exchange.faults.add("GET /exchange/by-id", status(500), times=None)
    typed = shell("accept", name, "--amount", "14", "--yes")
    assert (typed.code, typed.out, len(typed.err.splitlines())) == (3, "", 1)
    rig.peers.exchange.faults.clear()
    monkeypatch.setattr("ops.outside.exchange.TIMEOUT_S", 0.3)
    rig.peers.exchange.faults.add("GET /exchange/by-id", hang, times=None)
    assert shell("accept", name, "--amount", "14", "--yes").code == 3
    monkeypatch.delenv("CHANGENOW_API_KEY")
    typed = shell("accept", name, "--amount", "14", "--yes")
    assert (typed.code, "CHANGENOW_API_KEY" in typed.err) == (1, True)
    assert rig.batches()[0]["amount_accepted_at"] is None


def test_what_cannot_be_accepted_is_said(rig: Rig, shell: Shell) -> None:
    """An unknown batch, an amount that is none."""
    assert shell("accept", new_id(), "--amount", "14", "--yes").code == 1
    assert shell("accept", "#1", "--amount", "NaN", "--yes").code == 2
    assert shell("accept", "#1", "--amount", "-3", "--yes").code == 2
    assert shell("accept", "#1").code == 2
