-- name: find_last_unit
-- How many units the floors leave over, and the payment that gets the last of them: the largest remainders come
-- first, ties go to the older payment. The floors' sum need not be made: they fall short by the sum of the remainders.
WITH remainders AS MATERIALIZED (
    SELECT created_at, id, MOD(accumulated_eth * CAST(:units AS numeric), CAST(:total_usd AS numeric)) AS remainder
    FROM payout_accumulation
    WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
),
left_over AS (
    SELECT CAST(DIV(COALESCE(SUM(remainder), 0), CAST(:total_usd AS numeric)) AS bigint) AS units FROM remainders
)
SELECT left_over.units, last.remainder, last.created_at, last.id
FROM left_over
LEFT JOIN LATERAL (
    SELECT remainder, created_at, id
    FROM remainders
    ORDER BY remainder DESC, created_at, id
    OFFSET GREATEST(left_over.units - 1, 0)
    LIMIT 1
) AS last ON left_over.units > 0;

-- name: distribute_usdt
-- One division a payment: lifting the dividend by the total less the last lifted remainder carries exactly those over
-- the next whole unit whose remainder is at least that; for payments younger than the last one, strictly more.
UPDATE payout_accumulation
SET accumulated_amount_usdt = 0.00000001 * DIV(
        accumulated_eth * CAST(:units AS numeric)
            + CASE WHEN (created_at, id) <= (CAST(:last_created_at AS timestamp), CAST(:last_id AS integer))
                THEN CAST(:lift AS numeric) ELSE CAST(:lift_after AS numeric) END,
        CAST(:total_usd AS numeric)),
    conversion_status = 'completed',
    conversion_tx_hash = CAST(:tx_hash AS varchar),
    updated_at = CAST(:now AS timestamp)
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND conversion_status = 'swapping';
