-- name: read_cut_over
-- From when on payments are ours; no time where that is always or never.
SELECT
    is_wanted,
    CASE WHEN ISFINITE(ours_from) THEN ours_from AT TIME ZONE 'UTC' END AS ours_from,
    ours_from = '-infinity' AS takes_all,
    decided_by,
    why,
    decided_at,
    installed_at
FROM cut_over;

-- name: list_waiting_by_age
-- What has not ended and is in no batch, by what it says of itself and by age.
SELECT
    COALESCE(status, 'NULL') AS status,
    CASE
        WHEN NOT ISFINITE(created_at) OR created_at IS NULL THEN 'no time'
        WHEN created_at > CAST(:now AS timestamp) + INTERVAL '1 day' THEN 'more than a day ahead'
        WHEN created_at > CAST(:now AS timestamp) - INTERVAL '1 hour' THEN 'under an hour'
        WHEN created_at > CAST(:now AS timestamp) - INTERVAL '1 day' THEN 'under a day'
        WHEN created_at > CAST(:now AS timestamp) - INTERVAL '7 days' THEN 'under a week'
        ELSE 'a week or more' END AS age,
    COUNT(*) AS payments,
    SUM(amount_usd) FILTER (WHERE amount_usd > 0 AND amount_usd < 'Infinity') AS usd,
    MIN(created_at) FILTER (WHERE ISFINITE(created_at)) AT TIME ZONE 'UTC' AS oldest_at,
    MAX(created_at) FILTER (WHERE ISFINITE(created_at)) AT TIME ZONE 'UTC' AS newest_at
FROM (
    SELECT 'pending' AS status, created_at, amount_usd FROM claimable_payments_at(CAST(:now AS timestamp))
    UNION ALL
    SELECT conversion_status, created_at, amount_usd FROM unclaimable_payments_at(CAST(:now AS timestamp))
) AS waiting
GROUP BY 1, 2
ORDER BY 1, MAX(created_at) DESC;

-- name: list_old_batches_in_flight
-- What the service that ours replaces began and nobody has ended.
SELECT
    id AS number,
    batch_conversion_id,
    conversion_status AS status,
    total_eth_usd AS total_usd,
    cn_api_id,
    task_enqueued_at AT TIME ZONE 'UTC' AS began_at,
    exchange_status
FROM batch_conversions
WHERE opened_because IS NULL AND conversion_status IN ('pending', 'swapping')
ORDER BY id;

-- name: count_changes_of_others
-- Signs that the old service or the flow before batches is still at work: what they have converted, begun or given up
-- since. A payment that came in, or was paid out, is nobody's conversion.
SELECT
    (SELECT COUNT(*) FROM payout_accumulation AS payment
     LEFT JOIN batch_conversions AS batch USING (batch_conversion_id)
     WHERE payment.updated_at > CAST(:since AS timestamp)
        AND payment.conversion_status IS DISTINCT FROM 'pending'
        AND payment.is_paid_out IS NOT TRUE
        AND batch.opened_because IS NULL
        AND payment.updated_at IS DISTINCT FROM payment.created_at) AS payments,
    (SELECT COUNT(*) FROM batch_conversions
     WHERE opened_because IS NULL
        AND settled_by IS NULL
        AND GREATEST(created_at, processing_started_at, completed_at) > CAST(:since AS timestamp)) AS batches;

-- name: weigh_cut_over
-- What a decision would make ours of all that waits, and what it would leave apart.
SELECT
    COUNT(*) FILTER (WHERE is_ours) AS ours,
    COALESCE(SUM(accumulated_eth) FILTER (WHERE is_ours), 0) AS ours_usd,
    COUNT(*) FILTER (WHERE NOT is_ours) AS apart,
    COALESCE(SUM(accumulated_eth) FILTER (WHERE NOT is_ours), 0) AS apart_usd
FROM (
    SELECT accumulated_eth, created_at >= CAST(CAST(:ours_from AS text) AS timestamp) AS is_ours
    FROM payout_accumulation
    WHERE payment_is_claimable(
        conversion_status, batch_conversion_id, is_paid_out, accumulated_eth, payment_amount_usd, created_at)
        AND created_at <= CAST(:now AS timestamp) + INTERVAL '1 day'
) AS waiting;

-- name: find_from_now_on
-- This instant by the database's clock, which dates the payments as they come in: what waits now came before it, but for
-- payments that carry a time ahead.
SELECT
    CAST(clock.ours_from AS text) AS ours_from,
    COUNT(payment.id) AS payments_ahead,
    MAX(payment.created_at) AT TIME ZONE 'UTC' AS newest_at
FROM (SELECT CLOCK_TIMESTAMP() AT TIME ZONE 'UTC' AS ours_from) AS clock
LEFT JOIN payout_accumulation AS payment
    ON payment_is_claimable(
        payment.conversion_status, payment.batch_conversion_id, payment.is_paid_out,
        payment.accumulated_eth, payment.payment_amount_usd, payment.created_at)
    AND payment.created_at BETWEEN clock.ours_from AND clock.ours_from + INTERVAL '1 day'
GROUP BY clock.ours_from;

-- name: record_cut_over
-- The newest decision holds.
INSERT INTO cut_over_decisions (ours_from, decided_by, why)
VALUES (CAST(CAST(:ours_from AS text) AS timestamp), :decided_by, CAST(:why AS text));
