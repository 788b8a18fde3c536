"""Dollars given to a payment that had none, and to no other."""

import json

import pytest

from tests.ops.conftest import Shell
from tests.rig import Rig


def test_a_mended_payment_is_claimed(rig: Rig, shell: Shell) -> None:
    """Held, mended, on record; the next check takes it."""
    (payment,) = rig.pay("NaN")
    rig.sql("UPDATE payout_accumulation SET payment_amount_usd = 30")
    rig.check()
    typed = shell("mend", payment, "--dollars", "25.50", "--yes", "--by", "ada", "--why", "seen in GCAccumulator's log")
    assert typed.code == 0, typed.err
    assert "$25.50" in typed.err
    (act,) = rig.sql("SELECT * FROM operator_acts")
    assert (act["act"], act["by_whom"]) == ("mend", "ada")
    assert json.loads(act["detail"]) == {"payment_id": payment, "old": "NaN", "new": "25.50"}
    assert shell("held").out == "nothing is held\n"
    assert rig.check().reason == "threshold_reached"
    (row,) = rig.payments()
    assert (row["accumulated_eth"], row["conversion_status"]) == (25.5, "swapping")


@pytest.mark.parametrize("dollars", ["0", "30.02", "1e300", "1.123456789"])
def test_dollars_that_cannot_be(dollars: str, rig: Rig, shell: Shell) -> None:
    """Never more than was paid, nor finer than the column."""
    (payment,) = rig.pay("NaN")
    rig.sql("UPDATE payout_accumulation SET payment_amount_usd = 30")
    assert shell("mend", payment, "--dollars", dollars, "--yes").code == 1
    assert rig.sql("SELECT * FROM operator_acts") == []
    assert shell("mend", payment, "--dollars", "NaN", "--yes").code == 2


def test_other_payments_are_not_touched(rig: Rig, shell: Shell) -> None:
    """One that is claimable, one that is claimed, one that nobody knows; and nothing without agreement."""
    good, odd = (*rig.pay("5.00"), *rig.pay("-1"))
    assert shell("mend", good, "--dollars", "4", "--yes").code == 1
    assert shell("mend", odd, "--dollars", "1").code == 1
    assert shell("mend", 4711, "--dollars", "1", "--yes").code == 1
    rig.pay("30.00")
    rig.check()
    typed = shell("mend", good, "--dollars", "4", "--yes")
    assert (typed.code, "swapping" in typed.err) == (1, True)
    assert [row["accumulated_eth"] for row in rig.payments()] == [5, -1, 30]
