-- name: list_arrivals
-- What came in, whatever became of it since, as whole microseconds and whole units of 1e-8 dollars; rows without usable
-- dollars or time do not count, nor does a time ahead.
SELECT
    CAST(EXTRACT(EPOCH FROM created_at) * 1000000 AS bigint) AS instant_us,
    CAST(accumulated_eth * 100000000 AS bigint) AS amount
FROM payout_accumulation
WHERE created_at >= CAST(:since AS timestamp)
    AND created_at <= CAST(:until AS timestamp)
    AND accumulated_eth > 0
    AND accumulated_eth < 10000000000
ORDER BY created_at, id;

-- name: show_payment
-- One payment with the batch that holds it now.
SELECT
    payment.id,
    payment.client_id,
    payment.user_id,
    payment.payment_amount_usd,
    payment.accumulated_eth AS amount_usd,
    payment.conversion_status AS status,
    payment.batch_conversion_id,
    CASE WHEN payment.conversion_status = 'completed' THEN payment.accumulated_amount_usdt END AS share_usdt,
    payment.conversion_tx_hash AS tx_hash,
    payment.created_at AT TIME ZONE 'UTC' AS created_at,
    batch.created_at AT TIME ZONE 'UTC' AS batch_created_at,
    batch.conversion_status AS batch_status,
    batch.completed_at AT TIME ZONE 'UTC' AS batch_completed_at,
    payment.is_paid_out,
    payment.payout_batch_id,
    payment.paid_out_at AT TIME ZONE 'UTC' AS paid_out_at
FROM payout_accumulation AS payment
LEFT JOIN batch_conversions AS batch USING (batch_conversion_id)
WHERE payment.id = CAST(:payment_id AS integer);

-- name: list_releases_of_payment
-- Every batch that held the payment and gave it back.
SELECT
    released.batch_conversion_id,
    batch.created_at AT TIME ZONE 'UTC' AS batch_created_at,
    released.released_at AT TIME ZONE 'UTC' AS released_at,
    batch.failure_reason
FROM released_payments AS released
LEFT JOIN batch_conversions AS batch USING (batch_conversion_id)
WHERE released.payment_id = CAST(:payment_id AS integer)
ORDER BY released.released_at;

-- name: get_why_unclaimable
-- Why a payment that waits is never claimed, if that is so.
SELECT reason FROM unclaimable_payments WHERE id = CAST(:payment_id AS integer);

-- name: list_unclaimable
-- What waits and is never claimed as it stands, in the order of the ids; odd times (infinite, before Christ) come as the
-- server writes them.
SELECT held.id, held.client_id, held.amount_usd, payment.payment_amount_usd,
    CASE WHEN held.created_at > '0001-01-02' AND held.created_at < '9999-12-31'
        THEN to_char(held.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        ELSE CAST(held.created_at AS text) END AS created_at,
    held.conversion_status AS status, held.reason
FROM unclaimable_payments AS held
JOIN payout_accumulation AS payment USING (id)
WHERE CAST(:reason AS text) IS NULL OR held.reason = CAST(:reason AS text)
ORDER BY held.id
LIMIT CAST(:payments_max AS integer);

-- name: mend_dollars
-- Only of a payment that waits outside any batch; the neighbour's sum of pending dollars moves with it.
UPDATE payout_accumulation
SET accumulated_eth = CAST(:amount_usd AS numeric),
    accumulated_amount_usdt = CAST(:amount_usd AS numeric),
    updated_at = CURRENT_TIMESTAMP AT TIME ZONE 'UTC'
WHERE id = CAST(:payment_id AS integer)
    AND conversion_status = 'pending'
    AND batch_conversion_id IS NULL
    AND is_paid_out IS NOT TRUE;

-- name: list_pending_by_age
-- What waits, oldest first: the order in which it is claimed.
SELECT id, client_id, amount_usd, known_eth, ROUND(amount_usd / NULLIF(known_eth, 0), 2) AS usd_per_eth,
    created_at AT TIME ZONE 'UTC' AS created_at
FROM claimable_payments
ORDER BY claimable_payments.created_at, id
LIMIT CAST(:payments_max AS integer);

-- name: list_pending_by_amount
-- What waits, largest first.
SELECT id, client_id, amount_usd, known_eth, ROUND(amount_usd / NULLIF(known_eth, 0), 2) AS usd_per_eth,
    created_at AT TIME ZONE 'UTC' AS created_at
FROM claimable_payments
ORDER BY amount_usd DESC, id
LIMIT CAST(:payments_max AS integer);

-- name: list_pending_by_rate
-- What waits and knows its ETH, the one furthest from the median rate first: a wrong ETH shows here.
WITH waiting AS (
    SELECT id, client_id, amount_usd, known_eth, amount_usd / known_eth AS rate, created_at
    FROM claimable_payments
    WHERE known_eth > 0
)
SELECT id, client_id, amount_usd, known_eth, ROUND(rate, 2) AS usd_per_eth, created_at AT TIME ZONE 'UTC' AS created_at
FROM waiting
ORDER BY ABS(LN(rate) - (SELECT LN(PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY rate)) FROM waiting)) DESC, id
LIMIT CAST(:payments_max AS integer);
