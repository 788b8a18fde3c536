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
    threshold_at_creation AS threshold_usd,
    payments_count AS payments,
    amount_eth,
    quoted_usdt,
    deposit_fee_eth,
    withdrawal_fee_usdt,
    minimum_eth,
    market_usdt_per_eth,
    actual_usdt_received AS received_usdt,
    smallest_share_usdt,
    largest_share_usdt,
    settled_by,
    conversion_tx_hash AS tx_hash,
    failure_reason,
    cn_api_id,
    payin_address,
    exchange_status,
    exchange_asked_at AT TIME ZONE 'UTC' AS exchange_asked_at,
    questions_failed,
    reconcile_after AT TIME ZONE 'UTC' AS reconcile_after,
    created_at AT TIME ZONE 'UTC' AS created_at,
    processing_started_at AT TIME ZONE 'UTC' AS exchange_made_at,
    order_prepared_at AT TIME ZONE 'UTC' AS order_prepared_at,
    task_enqueued_at AT TIME ZONE 'UTC' AS task_enqueued_at,
    stuck_reported_at AT TIME ZONE 'UTC' AS stuck_reported_at,
    deposit_eth,
    payin_hash,
    deposit_lost_at AT TIME ZONE 'UTC' AS deposit_lost_at,
    refused_usdt,
    refused_at AT TIME ZONE 'UTC' AS refused_at,
    accepted_usdt,
    amount_accepted_at AT TIME ZONE 'UTC' AS amount_accepted_at,
    late_usdt_received,
    late_seen_at AT TIME ZONE 'UTC' AS late_seen_at,
    completed_at AT TIME ZONE 'UTC' AS completed_at
FROM batch_conversions
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid);

-- name: list_batches
-- The last batches, newest first; of one client: that hold, or held before they failed, one of its payments.
SELECT
    id AS number,
    batch_conversion_id,
    conversion_status AS status,
    opened_because AS reason,
    total_eth_usd AS total_usd,
    payments_count AS payments,
    actual_usdt_received AS received_usdt,
    created_at AT TIME ZONE 'UTC' AS created_at,
    completed_at AT TIME ZONE 'UTC' AS completed_at,
    settled_by,
    exchange_status,
    failure_reason
FROM batch_conversions
WHERE (CAST(:status AS varchar) IS NULL OR conversion_status = CAST(:status AS varchar))
    AND (CAST(:since AS timestamptz) IS NULL OR created_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC')
    AND (CAST(:client_id AS varchar) IS NULL OR batch_conversion_id IN (
        SELECT batch_conversion_id FROM batches_of_client(CAST(:client_id AS varchar))))
ORDER BY id DESC
LIMIT CAST(:batches_max AS integer);

-- name: get_check_of_batch
-- The check that opened a batch, known for the first of those that it opened.
SELECT id, checked_at, reason
FROM threshold_checks
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
ORDER BY id;

-- name: list_state_changes
-- From state to state, as the database saw it.
SELECT from_status, to_status, changed_at, changed_by
FROM batch_state_changes
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
ORDER BY id;

-- name: list_events_of_batch
-- What was told of a batch, and whether it has been published.
SELECT event, occurred_at, published_at
FROM batch_events
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
ORDER BY id;

-- name: accept_amount
-- The next callback or the next check distributes this very amount; the last one accepted holds.
UPDATE batch_conversions
SET accepted_usdt = CAST(:amount_usdt AS numeric), amount_accepted_at = NOW() AT TIME ZONE 'UTC', reconcile_after = NULL
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND conversion_status = 'swapping';

-- name: count_resent
-- How often an operator has sent a batch's order again.
SELECT COUNT(*) AS orders
FROM operator_acts
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND act = 'resend';

-- name: prepare_resend
-- The intent to send an order again. From here on it counts as out, so that no check sends another beside it; ChangeNow's
-- word settles what became of it. It counts anew: the fence has to know of it before it leaves.
UPDATE batch_conversions
SET order_prepared_at = CAST(:now AS timestamp),
    task_enqueued_at = CAST(:now AS timestamp),
    order_number = 1 + GREATEST(
        CAST(:fence_number AS bigint), (SELECT MAX(order_number) FROM batch_conversions)),
    reconcile_after = NULL,
    stuck_reported_at = NULL
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND conversion_status = 'swapping'
RETURNING
    order_number AS number,
    threshold_at_creation AS threshold_usd,
    payments_in_ranges(batch_conversion_id) AS payment_ids;

-- name: sum_held_by_batch
-- What the payments of a batch sum to now: to be compared with its total, and with what was received.
SELECT COUNT(*) AS held_payments, COALESCE(SUM(accumulated_eth), 0) AS held_usd,
    COALESCE(SUM(accumulated_amount_usdt) FILTER (WHERE conversion_status = 'completed'), 0) AS shares_usdt
FROM payout_accumulation
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid);

-- name: list_lost_deposits
-- Deposits that ended without a payout since the breaker was last reset, newest first.
SELECT id AS number, batch_conversion_id, deposit_lost_at AT TIME ZONE 'UTC' AS deposit_lost_at, deposit_eth,
    failure_reason, exchange_status, payin_hash
FROM batch_conversions
WHERE conversion_status = 'failed'
    AND late_usdt_received IS NULL
    AND deposit_lost_at > COALESCE(
        (SELECT MAX(acted_at) AT TIME ZONE 'UTC' FROM operator_acts WHERE act = 'breaker reset'), '-infinity')
ORDER BY deposit_lost_at DESC, id DESC;
