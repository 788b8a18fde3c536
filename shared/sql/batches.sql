-- name: create_batch_conversion
-- A batch is born with the total that its payments will be claimed for in the same transaction.
INSERT INTO batch_conversions (
    batch_conversion_id, total_eth_usd, threshold_at_creation, conversion_status, opened_because, payments_count,
    amount_eth, quoted_usdt, quoted_at, deposit_fee_eth, withdrawal_fee_usdt, minimum_eth, market_usdt_per_eth,
    created_at)
VALUES (
    CAST(:batch_conversion_id AS uuid), :total_usd, CAST(:threshold_usd AS numeric), 'pending', :reason, :payments,
    :amount_eth, :quoted_usdt, CAST(:now AS timestamp), CAST(:deposit_fee_eth AS numeric),
    CAST(:withdrawal_fee_usdt AS numeric), CAST(:minimum_eth AS numeric), CAST(:market_usdt_per_eth AS numeric),
    CAST(:now AS timestamp));

-- name: read_batch
-- The whole state of a batch; held until the transaction ends where it is to be changed.
SELECT
    batch_conversion_id,
    total_eth_usd AS total_usd,
    conversion_status AS status,
    opened_because AS reason,
    payments_count AS payments,
    amount_eth,
    quoted_usdt,
    quoted_at AT TIME ZONE 'UTC' AS quoted_at,
    cn_api_id,
    payin_address,
    processing_started_at AT TIME ZONE 'UTC' AS exchange_made_at,
    order_prepared_at AT TIME ZONE 'UTC' AS order_prepared_at,
    task_enqueued_at AT TIME ZONE 'UTC' AS task_enqueued_at,
    actual_usdt_received AS received_usdt,
    conversion_tx_hash AS tx_hash,
    settled_by,
    accepted_usdt,
    exchange_status,
    questions_failed,
    deposit_lost_at AT TIME ZONE 'UTC' AS deposit_lost_at,
    late_usdt_received AS late_usdt,
    stuck_reported_at AT TIME ZONE 'UTC' AS stuck_reported_at,
    created_at AT TIME ZONE 'UTC' AS created_at
FROM batch_conversions
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid);

-- name: list_batches_to_resume
-- Batches without an order, those in trouble last; one whose order may be out for too long to be sent again is left to
-- ChangeNow's word. Only batches that our own check opened are ever ordered. Each row, and one without a batch where
-- there is none, tells whether this database knows the newest order by the fence's word.
SELECT known.is_fence_known, batch.batch_conversion_id
FROM (SELECT fence_is_known(CAST(:fence_number AS bigint), CAST(:fence_batch AS uuid)) AS is_fence_known) AS known
LEFT JOIN (
    SELECT batch_conversion_id, reconcile_after, created_at, id
    FROM batch_conversions
    WHERE opened_because IS NOT NULL
        AND conversion_status IN ('pending', 'swapping')  -- said apart, for the index
        AND (conversion_status = 'pending'
            OR (task_enqueued_at IS NULL
                AND (order_prepared_at IS NULL OR order_prepared_at >= CAST(:repeatable_since AS timestamp))))
    ORDER BY reconcile_after NULLS FIRST, created_at, id
    LIMIT CAST(:batches_max AS integer)
) AS batch ON TRUE
ORDER BY batch.reconcile_after NULLS FIRST, batch.created_at, batch.id;

-- name: list_batches_to_ask
-- Whose next question to ChangeNow is due, longest waiting first: batches past the grace time, ordered or perhaps ordered;
-- then those that failed while their order may have been out, for which a payout may still come.
(
    SELECT batch_conversion_id, CAST(NULL AS timestamptz) AS given_up_at
    FROM batch_conversions
    WHERE conversion_status = 'swapping'
        AND COALESCE(task_enqueued_at, order_prepared_at) <= CAST(:ordered_before AS timestamp)
        AND (reconcile_after IS NULL OR reconcile_after <= CAST(:now AS timestamp))
    ORDER BY reconcile_after NULLS FIRST, created_at, id
    LIMIT CAST(:batches_max AS integer)
)
UNION ALL
(
    SELECT
        batch.batch_conversion_id,
        COALESCE(
            (SELECT MAX(event.occurred_at) FROM batch_events AS event
             WHERE event.batch_conversion_id = batch.batch_conversion_id AND event.event = 'batch.failed'),
            COALESCE(batch.task_enqueued_at, batch.order_prepared_at) AT TIME ZONE 'UTC')
    FROM batch_conversions AS batch
    WHERE batch.conversion_status = 'failed'
        AND batch.reconcile_after <= CAST(:now AS timestamp)
        AND batch.cn_api_id IS NOT NULL
        AND batch.late_usdt_received IS NULL
        AND COALESCE(batch.task_enqueued_at, batch.order_prepared_at) IS NOT NULL
    ORDER BY batch.reconcile_after, batch.id
    LIMIT CAST(:batches_max AS integer)
);

-- name: count_lost_deposits
-- Deposits that ended without a payout, since an operator last reset the breaker: of the last day, and those whose ETH
-- is not known to have come back, however long ago.
SELECT
    COUNT(*) FILTER (WHERE deposit_lost_at > CAST(:since AS timestamp)) AS recent,
    COUNT(*) FILTER (WHERE failure_reason IS DISTINCT FROM 'refunded'
        AND exchange_status IS DISTINCT FROM 'refunded') AS unreturned  -- an operator who gave it back has his own reason
FROM batch_conversions
WHERE conversion_status = 'failed'
    AND late_usdt_received IS NULL
    AND deposit_lost_at > COALESCE(
        (SELECT MAX(acted_at) AT TIME ZONE 'UTC' FROM operator_acts
         WHERE batch_conversion_id IS NULL AND act = 'breaker reset'), '-infinity');

-- name: count_batches_in_flight
-- For the operators' limit.
SELECT COUNT(*) AS batches FROM batch_conversions WHERE conversion_status IN ('pending', 'swapping');

-- name: store_quote
-- A batch whose exchange could not be made in time is quoted anew; its costs are those of the new quote. What that did not
-- ask for stays as it was.
UPDATE batch_conversions
SET amount_eth = :amount_eth,
    quoted_usdt = :quoted_usdt,
    quoted_at = CAST(:now AS timestamp),
    deposit_fee_eth = CAST(:deposit_fee_eth AS numeric),
    withdrawal_fee_usdt = CAST(:withdrawal_fee_usdt AS numeric),
    minimum_eth = COALESCE(CAST(:minimum_eth AS numeric), minimum_eth),
    market_usdt_per_eth = CAST(:market_usdt_per_eth AS numeric)
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND order_prepared_at IS NULL;

-- name: store_exchange
-- The exchange is known before anybody is told to pay it.
UPDATE batch_conversions
SET cn_api_id = :cn_api_id,
    payin_address = :payin_address,
    conversion_status = 'swapping',
    processing_started_at = CAST(:now AS timestamp)
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
    AND conversion_status = 'pending'
    AND cn_api_id IS NULL;

-- name: prepare_order
-- The intent to send the order is on record before the order is; the first attempt's time and number stay. Gives what the
-- fence tells of it.
UPDATE batch_conversions
SET order_prepared_at = COALESCE(order_prepared_at, CAST(:now AS timestamp)),
    order_number = CASE
        WHEN order_prepared_at IS NULL OR order_number IS NULL THEN 1 + GREATEST(
            CAST(:fence_number AS bigint), (SELECT MAX(order_number) FROM batch_conversions))
        ELSE order_number END
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
    AND conversion_status = 'swapping'
    AND task_enqueued_at IS NULL
    AND cn_api_id IS NOT NULL
RETURNING
    order_number AS number,
    batch_conversion_id,
    order_prepared_at AT TIME ZONE 'UTC' AS prepared_at,
    created_at AT TIME ZONE 'UTC' AS opened_at,
    opened_because AS reason,
    threshold_at_creation AS threshold_usd,
    total_eth_usd AS total_usd,
    payments_count AS payments,
    CASE WHEN CAST(:is_fenced AS boolean) THEN payments_in_ranges(batch_conversion_id) END AS payment_ids,
    amount_eth,
    quoted_usdt,
    cn_api_id,
    payin_address;

-- name: is_fence_known
-- Asked again where the fence has moved within a check.
SELECT fence_is_known(CAST(:fence_number AS bigint), CAST(:fence_batch AS uuid)) AS is_fence_known;

-- name: read_newest_order
-- Where a fence that is not there is to begin, and whether it was ever there.
SELECT
    newest.number,
    newest.batch_conversion_id,
    (SELECT MAX(id) FROM threshold_checks WHERE fence_number IS NOT NULL) IS NOT NULL AS was_fence_read
FROM (SELECT) AS always
LEFT JOIN (
    SELECT order_number AS number, batch_conversion_id
    FROM batch_conversions
    WHERE order_number IS NOT NULL
    ORDER BY order_number DESC
    LIMIT 1
) AS newest ON TRUE;

-- name: forget_order
-- Cloud Tasks refused the only attempt: no order exists.
UPDATE batch_conversions
SET order_prepared_at = NULL
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
    AND conversion_status = 'swapping'
    AND task_enqueued_at IS NULL;

-- name: record_order
-- Cloud Tasks has the order; a callback may already have completed the batch.
UPDATE batch_conversions
SET task_enqueued_at = CAST(:now AS timestamp),
    order_prepared_at = COALESCE(order_prepared_at, CAST(:now AS timestamp))
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
    AND task_enqueued_at IS NULL
    AND conversion_status IN ('swapping', 'completed');

-- name: record_question
-- What came of a question to ChangeNow, how many failed in a row, and when to ask again; never where nothing is left
-- to ask, and at once where an operator has accepted an amount meanwhile.
UPDATE batch_conversions
SET exchange_status = COALESCE(CAST(:exchange_status AS varchar), exchange_status),
    exchange_asked_at = CAST(:now AS timestamp),
    questions_failed = :questions_failed,
    reconcile_after = CASE WHEN accepted_usdt IS DISTINCT FROM CAST(:accepted_usdt AS numeric) THEN reconcile_after
        ELSE CAST(:reconcile_after AS timestamp) END
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
    AND conversion_status IS DISTINCT FROM 'completed';

-- name: record_refused_amount
-- An amount that was seen and not distributed, at its first sight.
UPDATE batch_conversions
SET refused_usdt = :refused_usdt,
    refused_at = CAST(:now AS timestamp),
    deposit_eth = COALESCE(CAST(:deposit_eth AS numeric), deposit_eth),
    payin_hash = COALESCE(CAST(:payin_hash AS varchar), payin_hash)
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
    AND conversion_status = 'swapping'
    AND refused_usdt IS DISTINCT FROM :refused_usdt;

-- name: record_late_payout
-- USDT that arrived for a batch given up: on record once, for a person to deal with; nothing is left to ask.
UPDATE batch_conversions
SET late_usdt_received = :late_usdt,
    late_seen_at = CAST(:now AS timestamp),
    exchange_status = :exchange_status,
    exchange_asked_at = CAST(:now AS timestamp),
    deposit_eth = COALESCE(CAST(:deposit_eth AS numeric), deposit_eth),
    payin_hash = COALESCE(CAST(:payin_hash AS varchar), payin_hash),
    questions_failed = 0,
    reconcile_after = NULL
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
    AND conversion_status = 'failed'
    AND late_usdt_received IS NULL;

-- name: record_lost_deposit
-- A deposit that ended without a payout, of a batch given up before that was known.
UPDATE batch_conversions
SET deposit_lost_at = CAST(:now AS timestamp),
    failure_reason = COALESCE(CAST(:failure_reason AS varchar), failure_reason),
    deposit_eth = COALESCE(CAST(:deposit_eth AS numeric), deposit_eth),
    payin_hash = COALESCE(CAST(:payin_hash AS varchar), payin_hash)
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
    AND conversion_status = 'failed'
    AND deposit_lost_at IS NULL;

-- name: record_stuck
-- Only the first report of a stuck batch becomes an event.
UPDATE batch_conversions
SET stuck_reported_at = CAST(:now AS timestamp)
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND stuck_reported_at IS NULL;

-- name: fail_batch
-- The end of a batch whose swap will not come; its payments are released in the same transaction.
UPDATE batch_conversions
SET conversion_status = 'failed',
    failure_reason = :failure_reason,
    exchange_status = COALESCE(CAST(:exchange_status AS varchar), exchange_status),
    deposit_eth = COALESCE(CAST(:deposit_eth AS numeric), deposit_eth),
    payin_hash = COALESCE(CAST(:payin_hash AS varchar), payin_hash),
    deposit_lost_at = CAST(:deposit_lost_at AS timestamp),
    questions_failed = 0,
    reconcile_after = CAST(:reconcile_after AS timestamp)
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND conversion_status IN ('pending', 'swapping');

-- name: finalize_batch_conversion
-- The database compares the shares' sum with the amount here, and refuses if they differ; reading every share for that,
-- it notes the smallest and the largest.
UPDATE batch_conversions
SET conversion_status = 'completed',
    actual_usdt_received = :received_usdt,
    conversion_tx_hash = :tx_hash,
    settled_by = :settled_by,
    deposit_eth = COALESCE(CAST(:deposit_eth AS numeric), deposit_eth),
    payin_hash = COALESCE(CAST(:payin_hash AS varchar), payin_hash),
    completed_at = CAST(:now AS timestamp)
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND conversion_status = 'swapping'
RETURNING actual_usdt_received AS shares_usdt, smallest_share_usdt, largest_share_usdt;
