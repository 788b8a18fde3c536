"""A backlog far above one batch: claimed and settled in bounded batches, each statement within its default time-out."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.settings import load_check_settings
from tests.rig import Rig

PAYMENTS = 3_000_000
BATCH_PAYMENTS_MAX = 1_000_000
CHECKS_MAX = 6
RECEIVED_SHARE = Decimal("0.993")

INSERT_BACKLOG = """
INSERT INTO payout_accumulation (
    client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp, accumulated_eth,
    client_wallet_address, client_payout_currency, client_payout_network, created_at)
SELECT 'client-' || n %% 997, n, dollars, 'eth', paid_at, dollars, '0x' || md5(CAST(n AS text)), 'usdt', 'eth', paid_at
FROM (
    SELECT
        n,
        0.01 + MOD(CAST(n AS bigint) * 7919, 4999) * 0.01 AS dollars,
        CAST(%s AS timestamp) - (CAST(%s AS integer) - n) * INTERVAL '0.2 seconds' AS paid_at
    FROM generate_series(1, CAST(%s AS integer)) AS n
) AS payment
"""


def settle_everything(rig: Rig) -> None:
    """Pay every batch out and let its callback come."""
    for batch in rig.batches():
        if batch["conversion_status"] == "swapping":
            usdt = f"{batch['total_eth_usd'] * RECEIVED_SHARE:.6f}"
            rig.pay_out(batch, usdt)
            assert rig.call_back(rig.response(batch, usdt)).records_updated == batch["payments_count"]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_three_million_payments(rig: Rig) -> None:
    """Every payment is claimed, oldest first, and completed in a batch whose shares sum to what was received."""
    rig.peers.exchange.market = replace(rig.peers.exchange.market, max_eth=None)
    assert load_check_settings(rig.environment).batch_payments_max == BATCH_PAYMENTS_MAX
    rig.sql(INSERT_BACKLOG, rig.clock().replace(tzinfo=None), PAYMENTS, PAYMENTS)
    for _ in range(CHECKS_MAX):
        rig.check()
        settle_everything(rig)
        rig.clock.forward(minutes=15)
    batches = rig.sql(
        "SELECT batch.conversion_status AS status, COUNT(*) AS payments, MIN(payment.id) AS first,"
        " MAX(payment.id) AS last, SUM(payment.accumulated_eth) - batch.total_eth_usd AS dollars_off,"
        " SUM(payment.accumulated_amount_usdt) - batch.actual_usdt_received AS usdt_off"
        " FROM batch_conversions AS batch JOIN payout_accumulation AS payment USING (batch_conversion_id)"
        " GROUP BY batch.id ORDER BY batch.id"
    )
    assert sum(batch["payments"] for batch in batches) == PAYMENTS
    assert max(batch["payments"] for batch in batches) <= BATCH_PAYMENTS_MAX
    assert all(batch["last"] - batch["first"] == batch["payments"] - 1 for batch in batches), "oldest first"
    assert {(batch["status"], batch["dollars_off"], batch["usdt_off"]) for batch in batches} == {("completed", 0, 0)}
