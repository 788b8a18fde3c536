"""A batch of two payments, and others beside it that must stay as they are."""

import re
from datetime import timedelta

import pytest

from tests.integration.flow.batch.record.records import Row, ours
from tests.rig import Rig

BYSTANDERS = """
    INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, conversion_status,
        cn_api_id, payin_address, created_at, task_enqueued_at, order_prepared_at, reconcile_after, opened_because)
    VALUES
        (gen_random_uuid(), 9, 9, 'pending', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (gen_random_uuid(), 9, 9, 'swapping', 'another-1', '0x1', :later, :later, :later, :later, NULL),
        (gen_random_uuid(), 9, 9, 'swapping', 'another-2', '0x1', :later, NULL, :before, :later, 'forced'),
        (gen_random_uuid(), 9, 9, 'failed', 'another-3', '0x1', NULL, :before, :before, :later, NULL),
        (gen_random_uuid(), 9, 9, 'completed', 'another-4', '0x1', NULL, :before, :before, :later, NULL)"""


@pytest.fixture(autouse=True)
def _bystanders(rig: Rig) -> None:
    """Batches and payments in every state, which no step of another batch touches."""
    told = rig.clock().replace(tzinfo=None)
    instants = {":later": told + timedelta(days=2), ":before": told - timedelta(days=2)}
    rig.sql("ALTER TABLE batch_conversions DISABLE TRIGGER USER")
    rig.sql("ALTER TABLE payout_accumulation DISABLE TRIGGER USER")
    rig.sql(re.sub(r":\w+", lambda found: f"'{instants[found[0]]}'", BYSTANDERS))
    for status in ("swapping", "completed", "failed"):
        (payment_id,) = rig.pay("9.00")
        rig.sql(
            "UPDATE payout_accumulation SET conversion_status = %s, batch_conversion_id = (SELECT batch_conversion_id"
            " FROM batch_conversions WHERE cn_api_id = 'another-1') WHERE id = %s",
            *(status, payment_id),
        )
    rig.sql("ALTER TABLE batch_conversions ENABLE TRIGGER USER")
    rig.sql("ALTER TABLE payout_accumulation ENABLE TRIGGER USER")


@pytest.fixture
def batch(rig: Rig) -> Row:
    """An ordered batch of two payments."""
    rig.pay("10.00", "15.00")
    rig.check()
    return ours(rig)[0]
