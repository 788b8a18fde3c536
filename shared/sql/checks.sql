-- name: record_check
-- One row a check, whatever it decided.
INSERT INTO threshold_checks (
    checked_at, pending_usd, pending_payments, oldest_pending_at, oldest_pending_age_s, unclaimable_payments,
    unclaimable_by_reason, threshold_usd, threshold_source, policy, swap_cost_usd, forced, decision, reason,
    batch_conversion_id, batches_opened, fence_number, refused_quote_usdt)
VALUES (
    CAST(:now AS timestamptz), CAST(:pending_usd AS numeric), CAST(:pending_payments AS integer),
    CAST(:oldest_at AS timestamptz), CAST(:oldest_age_s AS bigint), CAST(:unclaimable_payments AS integer),
    CAST(:unclaimable_by_reason AS text), CAST(:threshold_usd AS numeric), CAST(:threshold_source AS varchar),
    CAST(:policy AS text), CAST(:swap_cost_usd AS numeric), CAST(:forced AS boolean),
    :decision, :reason, CAST(:batch_conversion_id AS uuid), :batches_opened, CAST(:fence_number AS bigint),
    CAST(:refused_quote_usdt AS numeric))
RETURNING id;

-- name: count_batch_of_check
-- A check that opens more than one batch keeps its one row.
UPDATE threshold_checks SET batches_opened = batches_opened + 1 WHERE id = CAST(:check_id AS bigint);

-- name: get_last_valid_threshold
-- The threshold to go on with while Secret Manager gives none.
SELECT threshold_usd, source
FROM (
    (SELECT threshold_usd, 'last_valid' AS source, 1 AS preference FROM threshold_checks
     WHERE threshold_usd IS NOT NULL AND threshold_source = 'secret' ORDER BY id DESC LIMIT 1)
    UNION ALL
    (SELECT threshold_at_creation, 'newest_batch', 2 FROM batch_conversions
     WHERE threshold_at_creation > 0 ORDER BY id DESC LIMIT 1)
) AS known
ORDER BY preference
LIMIT 1;

-- name: get_last_valid_policy
-- The policy that held in the last check that looked (it has a threshold); empty where none was ever valid.
SELECT policy FROM threshold_checks WHERE threshold_usd IS NOT NULL ORDER BY id DESC LIMIT 1;

-- name: get_last_swap_cost
-- What a swap costs whatever its size: both fees of the newest batch whose quote told them, and the gas of the newest
-- deposit that a reconciliation has asked the chain about, at that batch's rate. What is more than a hundred batches ago says
-- nothing about now, and what is more than any swap costs nothing at all.
WITH newest AS MATERIALIZED (
    SELECT id, usdt_per_eth, quoted_fees_usd, deposit_gas_eth FROM batch_costs ORDER BY id DESC LIMIT 100
)
SELECT told.fixed_cost_usd
FROM (
    SELECT id, ROUND(quoted_fees_usd + COALESCE(usdt_per_eth * (
        SELECT deposit_gas_eth FROM newest WHERE deposit_gas_eth IS NOT NULL ORDER BY id DESC LIMIT 1), 0), 8)
        AS fixed_cost_usd
    FROM newest
    WHERE quoted_fees_usd > 0
) AS told
WHERE told.fixed_cost_usd < 1000000000000
ORDER BY told.id DESC
LIMIT 1;
