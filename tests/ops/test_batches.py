"""The operator's two commands about one batch."""

import pytest

from ops import batches
from shared.errors import BatchConflict
from tests.rig import Rig, new_id


@pytest.fixture(autouse=True)
def _operators_shell(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", rig.url)


def test_an_accepted_amount_is_distributed(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    """Refused, looked at, accepted: the next check completes the batch."""
    rig.pay("30.00")
    rig.check()
    (batch,) = rig.batches()
    rig.pay_out(batch, "14.00")
    with pytest.raises(BatchConflict):
        rig.call_back(rig.response(batch, "14.00"))
    rig.clock.forward(hours=2)
    rig.check()
    batch_id = str(batch["batch_conversion_id"])
    assert batches.main(["show", batch_id]) == 0
    shown = capsys.readouterr().out
    assert batch["cn_api_id"] in shown
    assert "swapping" in shown
    assert batches.main(["accept-amount", batch_id]) == 0
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "completed"


def test_what_cannot_be_accepted_is_said(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown batch, a wrong address and an unreachable database end in one clear line each."""
    assert batches.main(["accept-amount", new_id()]) == 1
    assert batches.main(["show", new_id()]) == 1
    with pytest.raises(SystemExit):
        batches.main(["show", "42"])
    assert "Traceback" not in capsys.readouterr().err


def test_a_database_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 3 means: try again."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@127.0.0.1:9/name")
    assert batches.main(["show", new_id()]) == 3
    assert "secret" not in capsys.readouterr().err
