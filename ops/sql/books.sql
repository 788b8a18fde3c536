-- name: sum_month
-- The payments of a month, of one client or of all: what waited at its beginning, came in, was completed, and waits at its
-- end, which the first three make up; what was paid out, and what was completed and not yet paid out at its end. One that
-- GCBatchProcessor paid out while it waited counts as paid out when it is completed; until then it is told apart.
SELECT
    COUNT(*) FILTER (WHERE was_there AND NOT was_done) AS opening_payments,
    COALESCE(SUM(amount_usd) FILTER (WHERE was_there AND NOT was_done), 0) AS opening_usd,
    COUNT(*) FILTER (WHERE is_there AND NOT was_there) AS came_in_payments,
    COALESCE(SUM(amount_usd) FILTER (WHERE is_there AND NOT was_there), 0) AS came_in_usd,
    COUNT(*) FILTER (WHERE is_done AND NOT was_done) AS completed_payments,
    COALESCE(SUM(amount_usd) FILTER (WHERE is_done AND NOT was_done), 0) AS completed_usd,
    COALESCE(SUM(share_usdt) FILTER (WHERE is_done AND NOT was_done), 0) AS completed_usdt,
    COUNT(*) FILTER (WHERE is_there AND NOT is_done) AS closing_payments,
    COALESCE(SUM(amount_usd) FILTER (WHERE is_there AND NOT is_done), 0) AS closing_usd,
    COUNT(*) FILTER (WHERE is_there AND NOT is_done AND is_given) AS closing_paid_out_payments,
    COALESCE(SUM(amount_usd) FILTER (WHERE is_there AND NOT is_done AND is_given), 0) AS closing_paid_out_usd,
    COUNT(*) FILTER (WHERE is_done AND is_given AND NOT (was_done AND was_given)) AS paid_out_payments,
    COALESCE(SUM(share_usdt) FILTER (WHERE is_done AND is_given AND NOT (was_done AND was_given)), 0) AS paid_out_usdt,
    COUNT(*) FILTER (WHERE is_done AND NOT is_given) AS owed_payments,
    COALESCE(SUM(share_usdt) FILTER (WHERE is_done AND NOT is_given), 0) AS owed_usdt,
    COUNT(*) FILTER (WHERE NOT is_accounted) AS unaccounted_payments
FROM (
    SELECT
        amount_usd,
        share_usdt,
        is_accounted,
        is_accounted AND came_in_at < CAST(:since AS timestamptz) AT TIME ZONE 'UTC' AS was_there,
        is_accounted AND came_in_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC' AS is_there,
        is_accounted AND COALESCE(completed_at < CAST(:since AS timestamptz) AT TIME ZONE 'UTC', FALSE) AS was_done,
        is_accounted AND COALESCE(completed_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC', FALSE) AS is_done,
        COALESCE(paid_out_at < CAST(:since AS timestamptz) AT TIME ZONE 'UTC', FALSE) AS was_given,
        COALESCE(paid_out_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC', FALSE) AS is_given
    FROM accounted_payments
    WHERE CAST(:client_id AS varchar) IS NULL OR client_id = CAST(:client_id AS varchar)
) AS placed;

-- name: open_statement
-- The payments that a client's month holds, oldest first: what waited at its beginning, what came in, and what was paid
-- out in it though it was completed before.
DECLARE statement NO SCROLL CURSOR FOR
SELECT
    id AS payment_id,
    came_in_at AT TIME ZONE 'UTC' AS came_in_at_utc,
    amount_usd,
    CASE WHEN completed_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC' THEN batch_number END AS batch_number,
    CASE WHEN completed_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC' THEN completed_at END AT TIME ZONE 'UTC'
        AS completed_at_utc,
    CASE WHEN completed_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC' THEN share_usdt END AS share_usdt,
    CASE WHEN completed_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC' THEN tx_hash END AS tx_hash,
    CASE WHEN paid_out_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC' THEN paid_out_at END AT TIME ZONE 'UTC'
        AS paid_out_at_utc
FROM accounted_payments
WHERE is_accounted
    AND client_id = CAST(:client_id AS varchar)
    AND came_in_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC'
    AND (completed_at IS NULL
        OR completed_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC'
        OR (paid_out_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC'
            AND paid_out_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC'))
ORDER BY came_in_at, id;

-- name: fetch_statement
-- A bounded number at a time.
FETCH 2000 FROM statement;

-- name: sum_month_of_batches
-- The batches of a month: what was opened, completed and received, and what went another way, each by its own time.
SELECT
    COUNT(*) FILTER (WHERE opened) AS batches_opened,
    COUNT(*) FILTER (WHERE completed) AS batches_completed,
    COALESCE(SUM(actual_usdt_received) FILTER (WHERE completed), 0) AS received_usdt,
    COUNT(*) FILTER (WHERE late) AS late_payouts,
    COALESCE(SUM(late_usdt_received) FILTER (WHERE late), 0) AS late_usdt,
    COUNT(*) FILTER (WHERE lost) AS deposits_lost,
    COALESCE(SUM(COALESCE(deposit_eth, amount_eth)) FILTER (WHERE lost), 0) AS lost_eth
FROM (
    SELECT
        actual_usdt_received,
        late_usdt_received,
        deposit_eth,
        amount_eth,
        created_at >= month.since AND created_at < month.until AS opened,
        conversion_status = 'completed' AND completed_at >= month.since AND completed_at < month.until AS completed,
        late_seen_at >= month.since AND late_seen_at < month.until AS late,
        deposit_lost_at >= month.since AND deposit_lost_at < month.until AS lost
    FROM batch_conversions
    CROSS JOIN (
        SELECT CAST(:since AS timestamptz) AT TIME ZONE 'UTC' AS since,
            CAST(:until AS timestamptz) AT TIME ZONE 'UTC' AS until
    ) AS month
) AS placed;

-- name: list_batches_of_month
-- The batches that we completed in a month, in the order in which they were opened: each has its digest.
SELECT batch_conversion_id
FROM batch_conversions
WHERE conversion_status = 'completed'
    AND settled_by IS NOT NULL
    AND completed_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC'
    AND completed_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC'
ORDER BY id;

-- name: sum_open
-- What of a month and of those before it is open now.
SELECT
    (SELECT COUNT(*) FROM accounted_payments
     WHERE is_accounted AND completed_at IS NULL
        AND came_in_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC') AS payments,
    (SELECT COALESCE(SUM(amount_usd), 0) FROM accounted_payments
     WHERE is_accounted AND completed_at IS NULL
        AND came_in_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC') AS usd,
    (SELECT COUNT(*) FROM batch_conversions
     WHERE conversion_status IN ('pending', 'swapping')
        AND created_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC') AS batches_in_flight,
    (SELECT COUNT(*) FROM batch_conversions
     WHERE conversion_status = 'swapping' AND refused_usdt IS NOT NULL AND accepted_usdt IS NULL
        AND refused_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC') AS amounts_refused;

-- name: get_last_close
-- How a month stood when it was closed last.
SELECT closed_at, by_whom, why, sums, digest
FROM month_closes
WHERE month = CAST(:month AS date)
ORDER BY id DESC
LIMIT 1;

-- name: record_close
-- A close stays as it was.
INSERT INTO month_closes (month, by_whom, why, sums, digest)
VALUES (CAST(:month AS date), :by_whom, CAST(:why AS text), :sums, :digest)
RETURNING closed_at;

-- name: lock_closes
-- Two who close at once wait for one another, so that the second tells what changed since the first.
SELECT pg_advisory_xact_lock(hashtextextended('month_closes', 17));
