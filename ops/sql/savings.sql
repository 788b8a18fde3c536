-- name: list_batch_savings
-- What each ended batch of ours cost, and what of its payments could not have been converted alone, in the order in which
-- they were opened; of one client: the batches that hold, or held, one of its payments.
SELECT
    batch.id AS number,
    batch.batch_conversion_id,
    batch.conversion_status AS status,
    batch.created_at AT TIME ZONE 'UTC' AS created_at,
    batch.payments_count AS payments,
    batch.total_eth_usd AS total_usd,
    cost.fixed_cost_usd,
    cost.deposit_gas_usd,
    cost.minimum_usd,
    cost.spread_usd,
    below.payments AS payments_below_minimum,
    below.total_usd AS below_minimum_usd,
    batch.quoted_usdt,
    batch.actual_usdt_received AS received_usdt,
    batch.failure_reason,
    CASE WHEN batch.deposit_lost_at IS NOT NULL THEN COALESCE(batch.deposit_eth, batch.amount_eth) END AS lost_eth,
    cost.usdt_per_eth,
    batch.late_usdt_received AS late_usdt
FROM batch_conversions AS batch
JOIN batch_costs AS cost ON cost.id = batch.id
CROSS JOIN LATERAL (
    SELECT COUNT(*) AS payments, COALESCE(SUM(payment.accumulated_eth), 0) AS total_usd
    FROM payout_accumulation AS payment
    WHERE payment.batch_conversion_id = batch.batch_conversion_id
        AND batch.conversion_status = 'completed'
        AND COALESCE(
            CASE WHEN payment.nowpayments_outcome_amount > 0 AND payment.nowpayments_outcome_amount < 'Infinity'
                THEN payment.nowpayments_outcome_amount END,
            payment.accumulated_eth / cost.usdt_per_eth) < batch.minimum_eth
) AS below
WHERE batch.conversion_status IN ('completed', 'failed')
    AND (CAST(:since AS timestamptz) IS NULL OR batch.created_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC')
    AND (CAST(:until AS timestamptz) IS NULL OR batch.created_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC')
    AND (CAST(:client_id AS varchar) IS NULL OR batch.batch_conversion_id IN (
        SELECT batch_conversion_id FROM batches_of_client(CAST(:client_id AS varchar))))
ORDER BY batch.id;
