"""Accepting an unusual amount."""

import pytest

from shared.errors import BatchConflict
from tests.ops.conftest import Shell
from tests.rig import Rig, new_id


def test_an_accepted_amount_is_distributed(rig: Rig, shell: Shell) -> None:
    """Refused, looked at, accepted: the next check completes the batch."""
    rig.pay("30.00")
    rig.check()
    (batch,) = rig.batches()
    rig.pay_out(batch, "14.00")
    with pytest.raises(BatchConflict):
        rig.call_back(rig.response(batch, "14.00"))
    rig.clock.forward(hours=2)
    rig.check()
    assert shell("accept", batch["batch_conversion_id"]).code == 0
    rig.check()
    assert rig.batches()[0]["conversion_status"] == "completed"
    assert shell("accept", batch["batch_conversion_id"]).code == 1


def test_what_cannot_be_accepted_is_said(shell: Shell) -> None:
    """An unknown batch."""
    assert shell("accept", new_id()).code == 1
