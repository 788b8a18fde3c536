-- name: find_batch_by_number
-- A batch named '#2'.
SELECT batch_conversion_id FROM batch_conversions WHERE id = CAST(:number AS integer);

-- name: find_batches_by_beginning
-- Ids begin alike between two ids; more than a few would not be told apart by a reader.
SELECT batch_conversion_id
FROM batch_conversions
WHERE batch_conversion_id BETWEEN CAST(:first AS uuid) AND CAST(:last AS uuid)
ORDER BY batch_conversion_id
LIMIT 4;

-- name: show_batch
-- Everything that is on record about a batch.
SELECT
    id AS number,
    batch_conversion_id,
    conversion_status AS status,
    opened_because AS reason,
    total_eth_usd AS total_usd,
    payments_count AS payments,
    amount_eth,
    quoted_usdt,
    cn_api_id,
    payin_address,
    created_at AT TIME ZONE 'UTC' AS created_at,
    processing_started_at AT TIME ZONE 'UTC' AS exchange_made_at,
    order_prepared_at AT TIME ZONE 'UTC' AS order_prepared_at,
    task_enqueued_at AT TIME ZONE 'UTC' AS task_enqueued_at,
    exchange_status,
    reconcile_after AT TIME ZONE 'UTC' AS reconcile_after,
    stuck_reported_at AT TIME ZONE 'UTC' AS stuck_reported_at,
    amount_accepted_at AT TIME ZONE 'UTC' AS amount_accepted_at,
    actual_usdt_received AS received_usdt,
    conversion_tx_hash AS tx_hash,
    settled_by,
    completed_at AT TIME ZONE 'UTC' AS completed_at,
    failure_reason
FROM batch_conversions
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid);

-- name: accept_amount
-- The next callback or the next check distributes the amount.
UPDATE batch_conversions
SET amount_accepted_at = COALESCE(amount_accepted_at, NOW() AT TIME ZONE 'UTC'), reconcile_after = NULL
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND conversion_status = 'swapping';
