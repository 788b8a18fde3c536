-- name: get_total_pending_usd
-- What waits at this instant: one snapshot of the sum and its ends, of what is counted apart, and of the cut-over.
SELECT
    totals.payments,
    totals.pending_usd,
    oldest.created_at AT TIME ZONE 'UTC' AS oldest_at,
    newest.created_at AS newest_created_at,
    arrived.id AS newest_id,
    unclaimable.payments + above_cap.payments AS unclaimable_payments,
    cut_over.is_wanted AS is_cut_over_wanted
FROM (
    SELECT COUNT(*) AS payments, COALESCE(SUM(amount_usd), 0) AS pending_usd
    FROM claimable_payments_at(CAST(:now AS timestamp))
    WHERE NOT CAST(:is_capped AS boolean) OR amount_usd <= CAST(:usd_max AS numeric)
) AS totals
CROSS JOIN (SELECT COUNT(*) AS payments FROM unclaimable_payments_at(CAST(:now AS timestamp))) AS unclaimable
CROSS JOIN (
    SELECT COUNT(*) AS payments
    FROM claimable_payments_at(CAST(:now AS timestamp))
    WHERE CAST(:is_capped AS boolean) AND amount_usd > CAST(:usd_max AS numeric)
) AS above_cap
CROSS JOIN cut_over
LEFT JOIN (
    SELECT created_at
    FROM claimable_payments_at(CAST(:now AS timestamp))
    WHERE NOT CAST(:is_capped AS boolean) OR amount_usd <= CAST(:usd_max AS numeric)
    ORDER BY created_at, id
    LIMIT 1
) AS oldest ON TRUE
LEFT JOIN (
    SELECT created_at FROM claimable_payments_at(CAST(:now AS timestamp)) ORDER BY created_at DESC, id DESC LIMIT 1
) AS newest ON TRUE
LEFT JOIN (SELECT id FROM payout_accumulation ORDER BY id DESC LIMIT 1) AS arrived ON TRUE;

-- name: list_unclaimable_payments
-- Why payments are never claimed, how many, and the first of each reason; those of before the cut-over are many and
-- known, and have no first ones.
WITH unclaimable AS (
    SELECT id, reason FROM unclaimable_payments_at(CAST(:now AS timestamp))
    UNION ALL
    SELECT id, 'above_batch_cap'
    FROM claimable_payments_at(CAST(:now AS timestamp))
    WHERE amount_usd > CAST(:usd_max AS numeric)
)
SELECT counts.reason, counts.payments, firsts.first_ids
FROM (SELECT reason, COUNT(*) AS payments FROM unclaimable GROUP BY reason) AS counts
LEFT JOIN (
    SELECT reason, STRING_AGG(CAST(id AS text), ', ' ORDER BY id) AS first_ids
    FROM (
        SELECT id, reason, ROW_NUMBER() OVER (PARTITION BY reason ORDER BY id) AS place
        FROM unclaimable
        WHERE reason <> 'before_cut_over'
    ) AS placed
    WHERE place <= CAST(:first_max AS integer)
    GROUP BY reason
) AS firsts ON firsts.reason = counts.reason
ORDER BY counts.reason;

-- name: get_pending_to_quote
-- The dollars of a selection, apart by whether their ETH is known, the age of the oldest, and how many do not fit. Each
-- payment's ETH and whether it fits are found once (OFFSET 0 keeps PostgreSQL from writing them out wherever they are used).
SELECT
    COUNT(*) FILTER (WHERE fits) AS payments,
    COALESCE(SUM(amount_usd) FILTER (WHERE fits), 0) AS total_usd,
    COALESCE(SUM(known_eth) FILTER (WHERE fits), 0) AS known_eth,
    COALESCE(SUM(amount_usd) FILTER (WHERE fits AND known_eth IS NULL), 0) AS unknown_usd,
    MIN(created_at) FILTER (WHERE fits) AT TIME ZONE 'UTC' AS oldest_at,
    COUNT(*) FILTER (WHERE NOT fits) AS left_out
FROM (
    SELECT created_at, amount_usd, known_eth, id <> ALL (CAST(:locked_ids AS integer[])) AND payment_fits_terms(
        amount_usd, known_eth, CAST(:usd_max AS numeric), CAST(:unknown_usd_max AS numeric), CAST(:eth_max AS numeric),
        CAST(:eth_per_usd_min AS numeric), CAST(:eth_per_usd_max AS numeric)) AS fits
    FROM (
        SELECT id, created_at, amount_usd, known_eth
        FROM batchable_payments
        WHERE (created_at, id) <= (CAST(:last_created_at AS timestamp), CAST(:last_id AS integer))
            AND id <= CAST(:arrived_id AS integer)
        OFFSET 0
    ) AS waiting
    OFFSET 0
) AS judged;

-- name: list_payments_left_out
-- Why payments of a selection's time do not fit its terms, which only the quote can tell; how many, and the first.
WITH left_out AS (
    SELECT
        id,
        CASE
            WHEN id = ANY (CAST(:locked_ids AS integer[])) THEN 'locked'
            WHEN known_eth NOT BETWEEN amount_usd * CAST(:eth_per_usd_min AS numeric)
                AND amount_usd * CAST(:eth_per_usd_max AS numeric) THEN 'eth_not_worth_dollars'
            WHEN known_eth > CAST(:eth_max AS numeric) THEN 'above_exchange_maximum'
            WHEN known_eth IS NULL AND amount_usd > CAST(:unknown_usd_max AS numeric) THEN 'above_exchange_maximum'
        END AS reason
    FROM batchable_payments
    WHERE (created_at, id) <= (CAST(:last_created_at AS timestamp), CAST(:last_id AS integer))
        AND id <= CAST(:arrived_id AS integer)
        AND amount_usd <= CAST(:usd_max AS numeric)
)
SELECT
    reason,
    COUNT(*) AS payments,
    STRING_AGG(CAST(id AS text), ', ' ORDER BY id) FILTER (WHERE place <= CAST(:first_max AS integer)) AS first_ids
FROM (
    SELECT id, reason, ROW_NUMBER() OVER (PARTITION BY reason ORDER BY id) AS place
    FROM left_out
    WHERE reason IS NOT NULL
) AS placed
GROUP BY reason
ORDER BY reason;

-- name: find_last_that_fits
-- The oldest payments of a selection that one batch holds: the last of them, and the sums up to it.
SELECT created_at, id, payments, total_usd, known_eth, unknown_usd
FROM (
    SELECT
        created_at,
        id,
        COUNT(*) OVER oldest_first AS payments,
        SUM(amount_usd) OVER oldest_first AS total_usd,
        COALESCE(SUM(known_eth) OVER oldest_first, 0) AS known_eth,
        COALESCE(SUM(amount_usd) FILTER (WHERE known_eth IS NULL) OVER oldest_first, 0) AS unknown_usd
    FROM (
        SELECT created_at, id, amount_usd, known_eth
        FROM batchable_payments
        WHERE (created_at, id) <= (CAST(:last_created_at AS timestamp), CAST(:last_id AS integer))
            AND id <= CAST(:arrived_id AS integer)
            AND (NOT CAST(:is_selective AS boolean) OR (id <> ALL (CAST(:locked_ids AS integer[])) AND payment_fits_terms(
                amount_usd, known_eth, CAST(:usd_max AS numeric), CAST(:unknown_usd_max AS numeric),
                CAST(:eth_max AS numeric), CAST(:eth_per_usd_min AS numeric), CAST(:eth_per_usd_max AS numeric))))
        ORDER BY created_at, id
        LIMIT CAST(:payments_max AS bigint)
    ) AS oldest
    WINDOW oldest_first AS (ORDER BY created_at, id ROWS UNBOUNDED PRECEDING)
) AS running
WHERE total_usd <= CAST(:usd_max AS numeric)
    AND known_eth + unknown_usd * CAST(:eth_per_usd AS numeric) <= CAST(:eth_max AS numeric)
ORDER BY created_at DESC, id DESC
LIMIT 1;

-- name: list_locked_payments
-- The payments of a selection that another service holds locked now: all but those that can be locked here.
WITH free AS MATERIALIZED (
    SELECT id
    FROM batchable_payments
    WHERE (created_at, id) <= (CAST(:last_created_at AS timestamp), CAST(:last_id AS integer))
        AND id <= CAST(:arrived_id AS integer)
    FOR NO KEY UPDATE SKIP LOCKED
)
SELECT id
FROM batchable_payments
WHERE (created_at, id) <= (CAST(:last_created_at AS timestamp), CAST(:last_id AS integer))
    AND id <= CAST(:arrived_id AS integer)
EXCEPT ALL
SELECT id FROM free
LIMIT CAST(:locked_max AS integer);

-- name: update_records_to_swapping
-- Claims exactly what was quoted, and says what that was, so that the caller can compare and roll back.
WITH claimed AS (
    UPDATE batchable_payments
    SET conversion_status = 'swapping',
        batch_conversion_id = CAST(:batch_conversion_id AS uuid),
        updated_at = CAST(:now AS timestamp)
    WHERE (created_at, id) <= (CAST(:last_created_at AS timestamp), CAST(:last_id AS integer))
        AND id <= CAST(:arrived_id AS integer)
        AND (NOT CAST(:is_selective AS boolean) OR (id <> ALL (CAST(:locked_ids AS integer[])) AND payment_fits_terms(
            amount_usd, known_eth, CAST(:usd_max AS numeric), CAST(:unknown_usd_max AS numeric),
            CAST(:eth_max AS numeric), CAST(:eth_per_usd_min AS numeric), CAST(:eth_per_usd_max AS numeric))))
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

-- name: record_released_payments
-- What a failed batch held, in one statement; the database then lets them go without asking for each.
INSERT INTO released_payments (batch_conversion_id, payment_id, amount_usd, released_at)
SELECT batch_conversion_id, id, accumulated_eth, CAST(:now AS timestamp)
FROM payout_accumulation
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND conversion_status = 'swapping';

-- name: release_payments
-- Gives a failed batch's payments back to the next one.
UPDATE payout_accumulation
SET conversion_status = 'pending', batch_conversion_id = NULL, updated_at = CAST(:now AS timestamp)
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND conversion_status = 'swapping';
