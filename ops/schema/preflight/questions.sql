-- name: payments
-- The table as it stands, NULL for what it lacks: a column that the inner table does not have is looked for outside.
SELECT payment.*
FROM (SELECT
    NULL::NUMERIC AS accumulated_eth,
    NULL::NUMERIC AS accumulated_amount_usdt,
    NULL::TEXT AS conversion_status,
    NULL::UUID AS batch_conversion_id,
    NULL::BOOLEAN AS is_paid_out,
    NULL::TIMESTAMP AS created_at) AS lacking
CROSS JOIN LATERAL (
    SELECT
        id,
        payment_amount_usd,
        COALESCE(accumulated_eth, accumulated_amount_usdt) AS dollars,
        accumulated_amount_usdt AS share,
        conversion_status AS status,
        batch_conversion_id AS batch_id,
        is_paid_out IS TRUE AS is_paid_out,
        created_at
    FROM payout_accumulation) AS payment

-- name: no_payments
-- Where there is no such table.
SELECT NULL::INTEGER AS id, NULL::NUMERIC AS payment_amount_usd, NULL::NUMERIC AS dollars, NULL::NUMERIC AS share,
    NULL::TEXT AS status, NULL::UUID AS batch_id, FALSE AS is_paid_out, NULL::TIMESTAMP AS created_at
WHERE FALSE

-- name: batches
-- The same for batches.
SELECT batch.*
FROM (SELECT
    NULL::TEXT AS cn_api_id,
    NULL::TEXT AS payin_address,
    NULL::TEXT AS conversion_status,
    NULL::NUMERIC AS actual_usdt_received) AS lacking
CROSS JOIN LATERAL (
    SELECT
        id,
        batch_conversion_id AS batch_id,
        total_eth_usd AS total_usd,
        cn_api_id,
        payin_address,
        conversion_status AS status,
        actual_usdt_received AS received_usdt
    FROM batch_conversions) AS batch

-- name: no_batches
-- Where there is no such table.
SELECT NULL::INTEGER AS id, NULL::UUID AS batch_id, NULL::NUMERIC AS total_usd, NULL::TEXT AS cn_api_id,
    NULL::TEXT AS payin_address, NULL::TEXT AS status, NULL::NUMERIC AS received_usdt
WHERE FALSE

-- name: payments_waiting
-- Whatever else is the matter with them.
SELECT id FROM payment WHERE status = 'pending'

-- name: payment_status_unknown
-- No service reads these.
SELECT id FROM payment WHERE (status IN ('pending', 'swapping', 'completed', 'failed')) IS NOT TRUE

-- name: payment_swapping_without_batch
-- Of the flow before batches, or left behind.
SELECT id FROM payment WHERE status = 'swapping' AND batch_id IS NULL

-- name: payment_swapping_without_live_batch
-- The old service does these in steps of their own, and nothing goes on with a batch that is not swapping.
SELECT payment.id FROM payment JOIN batch USING (batch_id)
WHERE payment.status = 'swapping' AND batch.status IS DISTINCT FROM 'swapping'

-- name: payment_pending_in_batch
-- Whose batch was given up without them.
SELECT id FROM payment WHERE status = 'pending' AND batch_id IS NOT NULL

-- name: payment_points_at_no_batch
-- In a table whose key was never checked, or is not there.
SELECT id FROM payment WHERE batch_id IS NOT NULL AND batch_id NOT IN (SELECT batch_id FROM batch)

-- name: payment_without_dollars
-- NaN is above every number.
SELECT id FROM payment WHERE status = 'pending' AND (dollars > 0 AND dollars < 'Infinity') IS NOT TRUE

-- name: payment_dollars_above_payment
-- A cent more may be rounding.
SELECT id FROM payment
WHERE status = 'pending' AND dollars > 0 AND dollars < 'Infinity'
    AND (dollars <= payment_amount_usd + 0.01 AND payment_amount_usd < 'Infinity') IS NOT TRUE

-- name: payment_already_paid_out
-- GCBatchProcessor pays out what is not converted as well.
SELECT id FROM payment WHERE status = 'pending' AND is_paid_out

-- name: payment_without_time
-- As the view has it, at this moment.
SELECT id FROM payment
WHERE status = 'pending'
    AND (created_at >= '2015-01-01'
        AND created_at <= (CURRENT_TIMESTAMP AT TIME ZONE 'UTC') + INTERVAL '1 day') IS NOT TRUE

-- name: payment_completed_without_share
-- A client with nothing else has a sum of NULL.
SELECT id FROM payment WHERE status = 'completed' AND share IS NULL

-- name: batch_in_flight
-- What the old service began.
SELECT id FROM batch WHERE status = 'swapping'

-- name: batch_pending
-- Between its insert and its order, as far as that can be told.
SELECT id FROM batch WHERE status = 'pending'

-- name: batch_status_unknown
-- No service reads these.
SELECT id FROM batch WHERE (status IN ('pending', 'swapping', 'completed', 'failed')) IS NOT TRUE

-- name: batch_completed_without_amount
-- What was received is not known.
SELECT id FROM batch WHERE status = 'completed' AND received_usdt IS NULL

-- name: batch_unfinished_with_amount
-- Interrupted between the amount and the end, perhaps.
SELECT id FROM batch WHERE status IN ('failed', 'swapping') AND received_usdt IS NOT NULL

-- name: batch_without_exchange
-- ChangeNow cannot be asked.
SELECT id FROM batch WHERE status = 'swapping' AND cn_api_id IS NULL

-- name: batch_without_payin_address
-- The order is out; the address is not needed any more.
SELECT id FROM batch WHERE status = 'swapping' AND cn_api_id IS NOT NULL AND payin_address IS NULL

-- name: batch_total_differs
-- The weights will be the dollars that the payments hold now.
SELECT batch.id
FROM batch
LEFT JOIN (SELECT batch_id, SUM(dollars) AS total_usd FROM payment GROUP BY batch_id) AS held USING (batch_id)
WHERE batch.status = 'swapping' AND batch.total_usd IS DISTINCT FROM held.total_usd

-- name: batch_exchange_double
-- Uniqueness was never asked of these.
SELECT id FROM batch WHERE cn_api_id IN (SELECT cn_api_id FROM batch GROUP BY cn_api_id HAVING COUNT(*) > 1)
