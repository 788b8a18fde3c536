"""What a failed batch held is on record before its payments leave it, whoever lets them go."""

from typing import Any

import pytest

from tests.rig import Rig

FAIL = "UPDATE batch_conversions SET conversion_status = 'failed' WHERE batch_conversion_id = %s"
LEAVE = "UPDATE payout_accumulation SET conversion_status = 'pending', batch_conversion_id = NULL WHERE id = ANY(%s)"
RECORD = (
    "INSERT INTO released_payments SELECT batch_conversion_id, id, accumulated_eth, updated_at"
    " FROM payout_accumulation WHERE id = ANY(%s)"
)


@pytest.fixture
def ordered(rig: Rig) -> tuple[str, list[int]]:
    """An ordered batch and its three payments."""
    payments = rig.pay("10.00", "15.00", "25.00")
    rig.check()
    return rig.batches()[0]["batch_conversion_id"], payments


def recorded(rig: Rig) -> list[Any]:
    """The payments on record, with their dollars."""
    rows = rig.sql("SELECT payment_id, amount_usd FROM released_payments ORDER BY payment_id")
    return [(row["payment_id"], str(row["amount_usd"])) for row in rows]


ALL_DOLLARS = ("10.00000000", "15.00000000", "25.00000000")


def test_an_expired_batch(rig: Rig, ordered: tuple[str, list[int]]) -> None:
    """By the check, in one statement, at the check's time."""
    rig.peers.exchange.expire(rig.batches()[0]["cn_api_id"])
    rig.set_threshold("1000.00")
    rig.clock.forward(minutes=21)
    rig.check()
    assert recorded(rig) == list(zip(ordered[1], ALL_DOLLARS, strict=True))
    (at,) = rig.sql("SELECT DISTINCT released_at FROM released_payments")
    assert {row["updated_at"] for row in rig.payments()} == {at["released_at"]}


def test_payments_that_a_hand_lets_go(rig: Rig, ordered: tuple[str, list[int]]) -> None:
    """One after another, in the transaction that fails the batch or later."""
    batch, (first, *others) = ordered
    rig.sql("BEGIN")
    rig.sql(FAIL, batch)
    rig.sql(LEAVE, [first])
    rig.sql("COMMIT")
    assert recorded(rig) == [(first, "10.00000000")]
    rig.sql(LEAVE, others)
    assert recorded(rig) == list(zip(ordered[1], ALL_DOLLARS, strict=True))


def test_a_record_of_some_opens_the_door_for_no_others(rig: Rig, ordered: tuple[str, list[int]]) -> None:
    """Only where every payment that the batch holds is on record are the rest let go unasked."""
    batch, payments = ordered
    rig.sql("BEGIN")
    rig.sql(FAIL, batch)
    rig.sql(RECORD, payments[:2])
    rig.sql(LEAVE, payments)
    rig.sql("COMMIT")
    assert recorded(rig) == list(zip(payments, ALL_DOLLARS, strict=True))


def test_a_record_of_a_batch_that_is_alive_opens_no_door(rig: Rig, ordered: tuple[str, list[int]]) -> None:
    """Its payments stay, whatever is on record."""
    _, payments = ordered
    rig.sql("BEGIN")
    rig.sql(RECORD, payments)
    with pytest.raises(Exception, match="payout_accumulation_release"):
        rig.sql(LEAVE, payments)
    rig.sql("ROLLBACK")
    assert recorded(rig) == []
