"""What the database refuses by itself, whoever writes."""

import uuid
from typing import Any

import pytest
from pg8000.exceptions import DatabaseError

from tests.rig import Rig


@pytest.fixture
def batch(rig: Rig) -> dict[str, Any]:
    """A batch that waits for its callback, over two payments."""
    rig.pay("10.00", "15.00")
    rig.check()
    return rig.batches()[0]


def refused(rig: Rig, statement: str, *parameters: Any) -> str:
    """Run what must be refused, and return the name of the rule that did."""
    with pytest.raises(DatabaseError) as caught:
        rig.sql(statement, *parameters)
    facts = caught.value.args[0]
    assert facts["C"][:2] in {"23", "22"}, facts
    return str(facts.get("n", facts["C"]))


PENDING_BATCH = (
    "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, conversion_status,"
    " opened_because) VALUES ('{id}', {total}, {threshold}, '{status}', 'forced')"
)


@pytest.mark.parametrize(
    ("total", "threshold", "status"),
    [
        ("0", "20", "pending"),
        ("-1", "20", "pending"),
        ("'NaN'", "20", "pending"),
        ("25", "'NaN'", "pending"),
        ("25", "20", "paid"),
        ("25", "20", "swapping"),
        ("25", "20", "completed"),
    ],
)
def test_an_impossible_batch(rig: Rig, total: str, threshold: str, status: str) -> None:
    """Bad amounts, unknown states, and states that need an exchange."""
    refused(rig, PENDING_BATCH.format(id=uuid.uuid4(), total=total, threshold=threshold, status=status))


@pytest.mark.parametrize(
    "change",
    [
        "conversion_status = 'pending'",
        "conversion_status = NULL",
        "total_eth_usd = 26",
        "cn_api_id = 'another'",
        "cn_api_id = NULL",
        "payin_address = '0xanother'",
        "task_enqueued_at = NULL",
        "actual_usdt_received = 25",
        "conversion_status = 'completed'",
        "conversion_status = 'completed', actual_usdt_received = 'NaN'",
        "settled_by = 'chance'",
    ],
)
def test_an_impossible_change_of_a_batch(rig: Rig, batch: dict[str, Any], change: str) -> None:
    """Backwards, another identity, another exchange, half an end."""
    refused(rig, f"UPDATE batch_conversions SET {change}")


def test_a_completed_batch_whose_shares_do_not_sum(rig: Rig, batch: dict[str, Any]) -> None:
    """One unit too few or too many, or one payment forgotten, and the batch is not completed."""
    for share in ("12.49999999", "12.50000001"):
        statement = (
            "BEGIN; UPDATE payout_accumulation SET conversion_status = 'completed', accumulated_amount_usdt = 12.5;"
            f" UPDATE payout_accumulation SET accumulated_amount_usdt = {share} WHERE accumulated_eth = 10;"
            " UPDATE batch_conversions SET conversion_status = 'completed', actual_usdt_received = 25; COMMIT"
        )
        refused(rig, statement)
        rig.sql("ROLLBACK")
    rule = refused(
        rig,
        "WITH paid AS (UPDATE payout_accumulation SET accumulated_amount_usdt = 12.5 RETURNING id)"
        " UPDATE batch_conversions SET conversion_status = 'completed', actual_usdt_received = 25",
    )
    assert rule == "batch_conversions_shares_sum"
    assert rig.batches()[0]["conversion_status"] == "swapping"


@pytest.mark.parametrize(
    "change",
    [
        "accumulated_eth = 11",
        "accumulated_eth = NULL",
        "created_at = created_at - INTERVAL '1 day'",
        "conversion_status = 'pending'",
        "conversion_status = 'lost'",
        "conversion_status = NULL",
        "conversion_status = 'pending', batch_conversion_id = NULL",
        "batch_conversion_id = gen_random_uuid()",
        "conversion_status = 'completed', accumulated_amount_usdt = -1",
        "conversion_status = 'completed', accumulated_amount_usdt = 'NaN'",
    ],
)
def test_an_impossible_change_of_a_claimed_payment(rig: Rig, batch: dict[str, Any], change: str) -> None:
    """Its weight, its place and its batch are fixed while the batch lives."""
    refused(rig, f"UPDATE payout_accumulation SET {change}")


def test_a_claimed_payment_is_not_deleted(rig: Rig, batch: dict[str, Any]) -> None:
    """A payment in a batch stays on record."""
    assert refused(rig, "DELETE FROM payout_accumulation") == "payout_accumulation_frozen"


def test_a_settled_payment_is_final(rig: Rig, batch: dict[str, Any]) -> None:
    """Shares do not change after completion; what other services write still does."""
    rig.pay_out(batch, "24.50")
    rig.call_back(rig.response(batch, "24.50"))
    for change in ("accumulated_amount_usdt = 0", "conversion_status = 'swapping'", "batch_conversion_id = NULL"):
        refused(rig, f"UPDATE payout_accumulation SET {change}")
    refused(rig, "UPDATE batch_conversions SET actual_usdt_received = 1")
    rig.sql("UPDATE payout_accumulation SET is_paid_out = TRUE, payout_batch_id = 'b', paid_out_at = NOW()")


def test_an_unknown_status_is_counted(rig: Rig) -> None:
    """A payment that no check would ever claim is taken as it comes, and told."""
    rig.sql(
        "INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,"
        " client_wallet_address, client_payout_currency, client_payout_network, conversion_status)"
        " VALUES ('c', 1, 9e7, 'eth', NOW(), 'w', 'usdt', 'eth', 'pendign')",
    )
    (row,) = rig.sql("SELECT reason FROM unclaimable_payments")
    assert row["reason"] == "unknown_status"


def test_every_change_of_state_is_on_record_and_stays(rig: Rig, batch: dict[str, Any]) -> None:
    """The audit table tells each step, and refuses to forget one."""
    rig.pay_out(batch, "24.50")
    rig.call_back(rig.response(batch, "24.50"))
    changes = rig.sql("SELECT from_status, to_status FROM batch_state_changes ORDER BY id")
    assert [(row["from_status"], row["to_status"]) for row in changes] == [
        (None, "pending"),
        ("pending", "swapping"),
        ("swapping", "completed"),
    ]
    refused(rig, "DELETE FROM batch_state_changes")
    refused(rig, "UPDATE batch_state_changes SET to_status = 'failed'")
