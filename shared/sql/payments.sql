-- name: get_total_pending_usd
-- What waits at this instant: one snapshot of the sum, its ends, and the rows that can never be claimed.
SELECT
    totals.payments,
    totals.pending_usd,
    oldest.created_at AT TIME ZONE 'UTC' AS oldest_at,
    newest.created_at AS newest_created_at,
    newest.id AS newest_id,
    unclaimable.payments AS unclaimable_payments
FROM (
    SELECT COUNT(*) AS payments, COALESCE(SUM(amount_usd), 0) AS pending_usd
    FROM claimable_payments_at(CAST(:now AS timestamp))
) AS totals
CROSS JOIN (SELECT COUNT(*) AS payments FROM unclaimable_payments_at(CAST(:now AS timestamp))) AS unclaimable
LEFT JOIN (
    SELECT created_at FROM claimable_payments_at(CAST(:now AS timestamp)) ORDER BY created_at, id LIMIT 1
) AS oldest ON TRUE
LEFT JOIN (
    SELECT created_at, id FROM claimable_payments_at(CAST(:now AS timestamp)) ORDER BY created_at DESC, id DESC LIMIT 1
) AS newest ON TRUE;

-- name: get_pending_to_quote
-- The dollars up to a payment, apart by whether their ETH is known; payments too large for any batch left out.
SELECT
    COUNT(*) AS payments,
    COALESCE(SUM(amount_usd), 0) AS total_usd,
    COALESCE(SUM(known_eth), 0) AS known_eth,
    COALESCE(SUM(amount_usd) FILTER (WHERE known_eth IS NULL), 0) AS unknown_usd
FROM batchable_payments
WHERE (created_at, id) <= (CAST(:last_created_at AS timestamp), CAST(:last_id AS integer))
    AND (CAST(:usd_max AS numeric) IS NULL OR amount_usd <= CAST(:usd_max AS numeric))
    AND (CAST(:eth_max AS numeric) IS NULL
        OR COALESCE(known_eth, amount_usd * CAST(:eth_per_usd AS numeric)) <= CAST(:eth_max AS numeric));

-- name: find_last_that_fits
-- The payment at which the oldest payments together reach the cap, in dollars or in ETH.
SELECT created_at, id
FROM (
    SELECT
        created_at,
        id,
        SUM(amount_usd) OVER oldest_first AS running_usd,
        SUM(COALESCE(known_eth, amount_usd * CAST(:eth_per_usd AS numeric))) OVER oldest_first AS running_eth
    FROM batchable_payments
    WHERE (created_at, id) <= (CAST(:last_created_at AS timestamp), CAST(:last_id AS integer))
        AND (CAST(:usd_max AS numeric) IS NULL OR amount_usd <= CAST(:usd_max AS numeric))
        AND (CAST(:eth_max AS numeric) IS NULL
            OR COALESCE(known_eth, amount_usd * CAST(:eth_per_usd AS numeric)) <= CAST(:eth_max AS numeric))
    WINDOW oldest_first AS (ORDER BY created_at, id ROWS UNBOUNDED PRECEDING)
) AS running
WHERE (CAST(:usd_max AS numeric) IS NULL OR running_usd <= CAST(:usd_max AS numeric))
    AND (CAST(:eth_max AS numeric) IS NULL OR running_eth <= CAST(:eth_max AS numeric))
ORDER BY created_at DESC, id DESC
LIMIT 1;

-- name: update_records_to_swapping
-- Claims exactly what was quoted, and says what that was, so that the caller can compare and roll back.
WITH claimed AS (
    UPDATE batchable_payments
    SET conversion_status = 'swapping',
        batch_conversion_id = CAST(:batch_conversion_id AS uuid),
        updated_at = CAST(:now AS timestamp)
    WHERE (created_at, id) <= (CAST(:last_created_at AS timestamp), CAST(:last_id AS integer))
        AND (CAST(:usd_max AS numeric) IS NULL OR amount_usd <= CAST(:usd_max AS numeric))
        AND (CAST(:eth_max AS numeric) IS NULL
            OR COALESCE(known_eth, amount_usd * CAST(:eth_per_usd AS numeric)) <= CAST(:eth_max AS numeric))
    RETURNING amount_usd
)
SELECT COUNT(*) AS payments, COALESCE(SUM(amount_usd), 0) AS total_usd FROM claimed;

-- name: get_claimed_to_quote
-- The same sums for the payments that a batch already holds, to quote it anew.
SELECT
    COUNT(*) AS payments,
    COALESCE(SUM(accumulated_eth), 0) AS total_usd,
    COALESCE(SUM(nowpayments_outcome_amount) FILTER (
        WHERE nowpayments_outcome_amount > 0 AND nowpayments_outcome_amount < 'Infinity'), 0) AS known_eth,
    COALESCE(SUM(accumulated_eth) FILTER (
        WHERE (nowpayments_outcome_amount > 0 AND nowpayments_outcome_amount < 'Infinity') IS NOT TRUE), 0)
        AS unknown_usd
FROM payout_accumulation
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid);

-- name: release_payments
-- Gives a failed batch's payments back to the next one.
UPDATE payout_accumulation
SET conversion_status = 'pending', batch_conversion_id = NULL, updated_at = CAST(:now AS timestamp)
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND conversion_status = 'swapping';
