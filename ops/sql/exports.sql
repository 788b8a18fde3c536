-- name: open_export_payments
-- Payments in the order in which they came in, with what became of them. The server writes their times, as RFC 3339 has
-- them: the driver takes longer to read one than for all else of a row.
DECLARE export NO SCROLL CURSOR FOR
SELECT
    payment.id AS payment_id,
    payment.client_id,
    COALESCE(REPLACE(to_char(payment.created_at, rfc3339.form), '.000000Z', 'Z'), CAST(payment.created_at AS text))
        AS created_at_utc,
    payment.payment_amount_usd AS paid_usd,
    payment.accumulated_eth AS amount_usd,
    payment.conversion_status AS status,
    batch.id AS batch_number,
    payment.batch_conversion_id,
    CASE WHEN payment.conversion_status = 'completed' THEN payment.accumulated_amount_usdt END AS share_usdt,
    payment.conversion_tx_hash AS tx_hash,
    COALESCE(REPLACE(to_char(batch.completed_at, rfc3339.form), '.000000Z', 'Z'), CAST(batch.completed_at AS text))
        AS completed_at_utc,
    payment.is_paid_out,
    payment.payout_batch_id,
    COALESCE(REPLACE(to_char(payment.paid_out_at, rfc3339.form), '.000000Z', 'Z'), CAST(payment.paid_out_at AS text))
        AS paid_out_at_utc
FROM payout_accumulation AS payment
LEFT JOIN batch_conversions AS batch ON batch.batch_conversion_id = payment.batch_conversion_id
CROSS JOIN (SELECT 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"' AS form) AS rfc3339
WHERE (CAST(:since AS timestamptz) IS NULL OR payment.created_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC')
    AND (CAST(:until AS timestamptz) IS NULL OR payment.created_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC')
    AND (CAST(:client_id AS varchar) IS NULL OR payment.client_id = CAST(:client_id AS varchar))
    AND (CAST(:status AS varchar) IS NULL OR payment.conversion_status = CAST(:status AS varchar))
ORDER BY payment.id;

-- name: open_export_batches
-- Batches in the order in which they were opened; of one client: that hold, or held, one of its payments.
DECLARE export NO SCROLL CURSOR FOR
SELECT
    id AS batch_number,
    batch_conversion_id,
    conversion_status AS status,
    opened_because,
    created_at AT TIME ZONE 'UTC' AS created_at_utc,
    payments_count AS payments,
    total_eth_usd AS total_usd,
    threshold_at_creation AS threshold_usd,
    amount_eth AS ordered_eth,
    deposit_eth,
    quoted_usdt,
    deposit_fee_eth,
    withdrawal_fee_usdt,
    minimum_eth,
    market_usdt_per_eth,
    actual_usdt_received AS received_usdt,
    late_usdt_received AS late_usdt,
    refused_usdt,
    cn_api_id,
    payin_hash,
    conversion_tx_hash AS tx_hash,
    settled_by,
    completed_at AT TIME ZONE 'UTC' AS completed_at_utc,
    failure_reason
FROM batch_conversions
WHERE (CAST(:since AS timestamptz) IS NULL OR created_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC')
    AND (CAST(:until AS timestamptz) IS NULL OR created_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC')
    AND (CAST(:status AS varchar) IS NULL OR conversion_status = CAST(:status AS varchar))
    AND (CAST(:client_id AS varchar) IS NULL OR batch_conversion_id IN (
        SELECT batch_conversion_id FROM batches_of_client(CAST(:client_id AS varchar))))
ORDER BY id;

-- name: open_export_acts
-- What people did, in order. An act has no client, and no status.
DECLARE export NO SCROLL CURSOR FOR
SELECT id AS act_number, acted_at AS acted_at_utc, act, batch_conversion_id, by_whom, why, detail
FROM operator_acts
WHERE (CAST(:since AS timestamptz) IS NULL OR acted_at >= CAST(:since AS timestamptz))
    AND (CAST(:until AS timestamptz) IS NULL OR acted_at < CAST(:until AS timestamptz))
ORDER BY id;

-- name: fetch_export
-- A bounded number at a time.
FETCH 2000 FROM export;
