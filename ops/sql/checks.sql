-- name: get_levers_in_force
-- What the last check that could look went by.
SELECT checked_at, threshold_usd, threshold_source, COALESCE(policy, '{}') AS policy
FROM threshold_checks
WHERE threshold_usd IS NOT NULL
ORDER BY id DESC
LIMIT 1;

-- name: get_newest_check_id
-- Before a tick is sent, so that its own check is known.
SELECT COALESCE(MAX(id), 0) AS id FROM threshold_checks;

-- name: get_check_after
-- The first check after another one that was not turned away by a check in progress; of a forced tick the first forced one:
-- the schedule's may come between.
SELECT id, checked_at, decision, reason, pending_usd, pending_payments, threshold_usd, threshold_source,
    batch_conversion_id, batches_opened
FROM threshold_checks
WHERE id > CAST(:check_id AS bigint)
    AND reason <> 'check_in_progress'
    AND (forced OR NOT CAST(:is_forced AS boolean))
ORDER BY id
LIMIT 1;

-- name: list_checks
-- The last checks, newest first; of one reason where that is asked for.
SELECT id, checked_at, decision, reason, pending_usd, pending_payments, oldest_pending_age_s, unclaimable_payments,
    threshold_usd, threshold_source, policy, swap_cost_usd, refused_quote_usdt, batch_conversion_id, batches_opened
FROM threshold_checks
WHERE (CAST(:reason AS varchar) IS NULL OR reason = CAST(:reason AS varchar))
    AND (CAST(:since AS timestamptz) IS NULL OR checked_at >= CAST(:since AS timestamptz))
ORDER BY id DESC
LIMIT CAST(:checks_max AS integer);

-- name: summarize_checks
-- How often each reason came up, and how far the pending dollars went.
SELECT reason, COUNT(*) AS checks, MAX(checked_at) AS last_at, MAX(pending_usd) AS pending_usd_max,
    MAX(threshold_usd) AS threshold_usd_max, SUM(batches_opened) AS batches_opened
FROM threshold_checks
WHERE checked_at >= CAST(:since AS timestamptz)
    AND (CAST(:reason AS varchar) IS NULL OR reason = CAST(:reason AS varchar))
GROUP BY reason
ORDER BY COUNT(*) DESC, reason;

-- name: forbid_writing
-- From here on the session's transactions only read, whatever runs in them.
SET default_transaction_read_only = on;
