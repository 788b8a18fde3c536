-- name: sum_claimable
-- What waits at this instant and may be claimed.
SELECT COUNT(*) AS payments, COALESCE(SUM(amount_usd), 0) AS pending_usd, MIN(created_at) AT TIME ZONE 'UTC' AS oldest_at
FROM claimable_payments;

-- name: count_unclaimable_by_reason
-- What waits and is never claimed as it stands.
SELECT reason, COUNT(*) AS payments FROM unclaimable_payments GROUP BY reason ORDER BY COUNT(*) DESC, reason;

-- name: get_last_check
-- The last check that ended well, whatever it decided; those that met another are not told of.
SELECT id, checked_at, decision, reason, forced, pending_usd, pending_payments, threshold_usd, threshold_source, policy,
    swap_cost_usd, refused_quote_usdt, batch_conversion_id, batches_opened, unclaimable_by_reason
FROM threshold_checks
WHERE reason <> 'check_in_progress'
ORDER BY id DESC
LIMIT 1;

-- name: list_lever_acts
-- Levers that were moved since the last check went by them.
SELECT act, by_whom, why, detail, acted_at
FROM operator_acts
WHERE acted_at > CAST(:since AS timestamptz) AND act IN ('threshold set', 'policy set', 'policy pause', 'policy resume')
ORDER BY id;

-- name: list_batches_in_flight
-- Batches that have not ended, oldest first.
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
    created_at AT TIME ZONE 'UTC' AS created_at,
    order_prepared_at AT TIME ZONE 'UTC' AS order_prepared_at,
    task_enqueued_at AT TIME ZONE 'UTC' AS task_enqueued_at,
    exchange_status,
    exchange_asked_at AT TIME ZONE 'UTC' AS exchange_asked_at,
    reconcile_after AT TIME ZONE 'UTC' AS reconcile_after,
    stuck_reported_at AT TIME ZONE 'UTC' AS stuck_reported_at,
    refused_usdt,
    refused_at AT TIME ZONE 'UTC' AS refused_at,
    accepted_usdt
FROM batch_conversions
WHERE conversion_status IN ('pending', 'swapping')
ORDER BY created_at, id
LIMIT CAST(:batches_max AS integer);

-- name: list_late_payouts
-- Batches that were given up and paid out after all, until a person has dealt with the money.
SELECT id AS number, batch_conversion_id, late_usdt_received, late_seen_at AT TIME ZONE 'UTC' AS late_seen_at
FROM batch_conversions AS batch
WHERE conversion_status = 'failed'
    AND late_seen_at IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM operator_acts AS dealt
        WHERE dealt.act = 'reconcile settled'
            AND dealt.batch_conversion_id = batch.batch_conversion_id
            AND dealt.acted_at AT TIME ZONE 'UTC' >= batch.late_seen_at)
ORDER BY id DESC
LIMIT CAST(:batches_max AS integer);

-- name: get_cut_over
-- From when on payments are ours, and whether that is still to be decided.
SELECT is_wanted, CASE WHEN ISFINITE(ours_from) THEN ours_from AT TIME ZONE 'UTC' END AS ours_from, decided_by
FROM cut_over;

-- name: sum_arrivals
-- The dollars of batches opened since an instant, and what waited then by the last check before it.
SELECT
    (SELECT COALESCE(SUM(total_eth_usd), 0) FROM batch_conversions
     WHERE conversion_status <> 'failed' AND created_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC') AS opened_usd,
    COALESCE((SELECT pending_usd FROM threshold_checks
     WHERE checked_at < CAST(:since AS timestamptz) AND pending_usd IS NOT NULL
     ORDER BY checked_at DESC LIMIT 1), 0) AS pending_then_usd;

-- name: count_unpublished_events
-- Events that Pub/Sub has not got yet.
SELECT COUNT(*) AS events FROM batch_events WHERE published_at IS NULL;

-- name: get_running_check
-- The session that holds the check's lock: a 64-bit key is kept in two halves.
SELECT session.backend_start AS since, session.state, session.state_change AS state_since
FROM pg_locks AS lock
JOIN pg_stat_activity AS session ON session.pid = lock.pid
WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
    AND lock.database = (SELECT oid FROM pg_database WHERE datname = CURRENT_DATABASE())
    AND CAST(lock.classid AS bigint) = CAST(:lock_high AS bigint)
    AND CAST(lock.objid AS bigint) = CAST(:lock_low AS bigint)
LIMIT 1;
