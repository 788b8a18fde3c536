-- name: read_one_instant
-- From here on the transaction only reads, and sees one instant, however many statements a page takes.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: scan_as_it_pays
-- For the rest of the transaction: a figure over a year reads most of a table, and then a scan is the cheaper way.
SELECT set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true);

-- name: get_first_check_time
-- Where the record of checks begins.
SELECT MIN(checked_at) AS first_at FROM threshold_checks;

-- name: sum_checks_by_time
-- What waited and which threshold held, by spans of time; what could not do its work apart.
SELECT
    date_bin(make_interval(secs => CAST(:width_s AS integer)), checked_at, TIMESTAMPTZ '2024-01-01 00:00:00Z') AS at,
    COUNT(*) AS checks,
    MAX(pending_usd) AS pending_usd,
    (ARRAY_AGG(threshold_usd ORDER BY id DESC) FILTER (WHERE threshold_usd IS NOT NULL))[1] AS threshold_usd,
    SUM(batches_opened) AS batches_opened
FROM threshold_checks
WHERE checked_at >= CAST(:since AS timestamptz)
GROUP BY 1
ORDER BY 1;

-- name: count_batches_by_size
-- How large the batches of a period were: bin 0 lies below the first edge, the median is that of all.
WITH sized AS MATERIALIZED (
    SELECT id, payments_count, total_eth_usd AS total_usd
    FROM batch_conversions
    WHERE created_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC'
        AND created_at < 'infinity'
        AND total_eth_usd > 0
        AND total_eth_usd < 'Infinity'
)
SELECT
    width_bucket(total_usd, CAST(:edges AS numeric[])) AS bin,
    COUNT(*) AS batches,
    SUM(payments_count) AS payments,
    SUM(total_usd) AS total_usd,
    MAX(total_usd) AS largest_usd,
    (ARRAY_AGG(id ORDER BY total_usd DESC, id))[1] AS largest_number,
    (SELECT PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY total_usd) FROM sized) AS median_usd
FROM sized
GROUP BY 1
ORDER BY 1;

-- name: count_payments_by_wait
-- How long payments waited, from their coming in to the USDT of their batch; the quantiles are those of all.
WITH waits AS MATERIALIZED (
    SELECT ROUND(EXTRACT(EPOCH FROM GREATEST(batch.completed_at - payment.created_at, INTERVAL '0'))) AS wait_s
    FROM batch_conversions AS batch
    JOIN payout_accumulation AS payment ON payment.batch_conversion_id = batch.batch_conversion_id
    WHERE batch.conversion_status = 'completed'
        AND batch.completed_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC'
        AND batch.completed_at < 'infinity'
        AND payment.created_at > '-infinity'
        AND payment.created_at < 'infinity'
)
SELECT
    width_bucket(wait_s, CAST(:edges AS numeric[])) AS bin,
    COUNT(*) AS payments,
    MAX(wait_s) AS longest_s,
    (SELECT PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY wait_s) FROM waits) AS half_s,
    (SELECT PERCENTILE_DISC(0.9) WITHIN GROUP (ORDER BY wait_s) FROM waits) AS nine_in_ten_s
FROM waits
GROUP BY 1
ORDER BY 1;

-- name: compare_received_by_time
-- What arrived over what was quoted, in per cent of the quote, by spans of time.
SELECT
    at,
    COUNT(*) AS batches,
    MIN(deviation_pct) AS lowest_pct,
    PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY deviation_pct) AS median_pct,
    MAX(deviation_pct) AS highest_pct,
    (ARRAY_AGG(number ORDER BY deviation_pct, number))[1] AS lowest_number,
    SUM(quoted_usdt) AS quoted_usdt,
    SUM(received_usdt) AS received_usdt
FROM (
    SELECT
        id AS number,
        quoted_usdt,
        actual_usdt_received AS received_usdt,
        ROUND((actual_usdt_received / quoted_usdt - 1) * 100, 3) AS deviation_pct,
        date_bin(
            make_interval(secs => CAST(:width_s AS integer)), completed_at AT TIME ZONE 'UTC',
            TIMESTAMPTZ '2024-01-01 00:00:00Z') AS at
    FROM batch_conversions
    WHERE conversion_status = 'completed'
        AND completed_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC'
        AND completed_at < 'infinity'
        AND quoted_usdt > 0
        AND quoted_usdt < 'Infinity'
        AND actual_usdt_received > 0
        AND actual_usdt_received < 'Infinity'
) AS compared
GROUP BY at
ORDER BY at;

-- name: count_failures_by_time
-- Batches that failed and checks that could not do their work, by spans of time and reason.
SELECT
    date_bin(make_interval(secs => CAST(:width_s AS integer)), failed.at, TIMESTAMPTZ '2024-01-01 00:00:00Z') AS at,
    failed.what,
    failed.reason,
    COUNT(*) AS failures
FROM (
    SELECT created_at AT TIME ZONE 'UTC' AS at, 'batch' AS what, COALESCE(failure_reason, 'unknown') AS reason
    FROM batch_conversions
    WHERE conversion_status = 'failed'
        AND created_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC'
        AND created_at < 'infinity'
    UNION ALL
    SELECT checked_at, 'check', reason
    FROM threshold_checks
    WHERE checked_at >= CAST(:since AS timestamptz) AND reason = ANY(CAST(:troubles AS varchar[]))
) AS failed
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: count_tried
-- What could have failed in a period.
SELECT
    (SELECT COUNT(*) FROM batch_conversions
     WHERE created_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC' AND created_at < 'infinity') AS batches,
    (SELECT COUNT(*) FROM threshold_checks WHERE checked_at >= CAST(:since AS timestamptz)) AS checks;

-- name: list_payments_of_batch
-- What a batch holds, and what it held before it failed, in the order of their ids.
SELECT held.id, held.client_id, held.amount_usd, held.share_usdt, held.status, held.created_at
FROM (
    SELECT id, client_id, accumulated_eth AS amount_usd,
        CASE WHEN conversion_status = 'completed' THEN accumulated_amount_usdt END AS share_usdt,
        conversion_status AS status, CAST(created_at AS text) AS created_at
    FROM payout_accumulation
    WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
    UNION ALL
    SELECT payment.id, payment.client_id, released.amount_usd, NULL, 'given back', CAST(payment.created_at AS text)
    FROM released_payments AS released
    JOIN payout_accumulation AS payment ON payment.id = released.payment_id
    WHERE released.batch_conversion_id = CAST(:batch_conversion_id AS uuid)
) AS held
WHERE held.id > CAST(:after_id AS integer)
ORDER BY held.id
LIMIT CAST(:payments_max AS integer);

-- name: list_lever_history
-- Who moved a lever, newest first.
SELECT act, batch_conversion_id, by_whom, why, detail, acted_at
FROM operator_acts
WHERE act IN ('threshold set', 'policy set', 'policy pause', 'policy resume', 'breaker reset')
ORDER BY id DESC
LIMIT CAST(:acts_max AS integer);
