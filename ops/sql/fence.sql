-- name: list_fenced_batches
-- What this database knows of the batches that the fence lists.
SELECT batch_conversion_id, id AS number, conversion_status AS status, order_number,
    task_enqueued_at IS NOT NULL OR order_prepared_at IS NOT NULL AS is_ordered
FROM batch_conversions
WHERE batch_conversion_id = ANY (CAST(:batches AS uuid[]));

-- name: is_fence_kept
-- Whether a check of the last day has read a fence.
SELECT EXISTS (
    SELECT FROM threshold_checks WHERE fence_number IS NOT NULL AND checked_at > CLOCK_TIMESTAMP() - INTERVAL '1 day')
    AS is_kept;

-- name: list_fence_acts
-- Which orders operators have entered again or given up.
SELECT act, batch_conversion_id, CAST(SUBSTRING(detail FROM '"order_number": ([0-9]{1,18})') AS bigint) AS order_number
FROM operator_acts
WHERE batch_conversion_id = ANY (CAST(:batches AS uuid[])) AND act IN ('fence enter', 'fence give-up');

-- name: count_order_from
-- A batch that is there, and whose later order a restored database has forgotten: that one is as old as the fence says.
UPDATE batch_conversions
SET order_prepared_at = GREATEST(order_prepared_at, CAST(:prepared_at AS timestamp)),
    task_enqueued_at = GREATEST(task_enqueued_at, CAST(:prepared_at AS timestamp))
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND conversion_status = 'swapping';

-- name: list_holders
-- In which batches payments are that a restored database has under these ids.
SELECT payment.batch_conversion_id, COUNT(*) AS payments
FROM UNNEST(CAST(:first_ids AS bigint[]), CAST(:last_ids AS bigint[])) AS runs (first_id, last_id)
JOIN payout_accumulation AS payment ON payment.id BETWEEN runs.first_id AND runs.last_id
WHERE payment.batch_conversion_id IS NOT NULL
    AND (CAST(:opened_at AS timestamp) IS NULL OR payment.created_at <= CAST(:opened_at AS timestamp))
GROUP BY payment.batch_conversion_id
ORDER BY MIN(payment.id);

-- name: count_payments_of_order
-- How many of an order's payments are in this database, and how many of them wait. One that came in after the batch was
-- opened has its id by chance: a restored database hands the same ids out again.
SELECT COUNT(*) AS present,
    COUNT(*) FILTER (WHERE payment.conversion_status = 'pending' AND payment.batch_conversion_id IS NULL) AS waiting,
    SUM(payment.accumulated_eth)
        FILTER (WHERE payment.conversion_status = 'pending' AND payment.batch_conversion_id IS NULL) AS waiting_usd
FROM UNNEST(CAST(:first_ids AS bigint[]), CAST(:last_ids AS bigint[])) AS runs (first_id, last_id)
JOIN payout_accumulation AS payment ON payment.id BETWEEN runs.first_id AND runs.last_id
WHERE payment.created_at <= CAST(:opened_at AS timestamp);

-- name: count_waiting_before
-- Where an order's payments are not known: whatever waited by then may be one of them.
SELECT COUNT(*) AS waiting FROM batchable_payments WHERE created_at <= CAST(:opened_at AS timestamp);

-- name: enter_payments
-- The very payments of an order that a restored database has forgotten join its batch again; the caller compares.
WITH entered AS (
    UPDATE payout_accumulation
    SET conversion_status = 'swapping',
        batch_conversion_id = CAST(:batch_conversion_id AS uuid),
        updated_at = CAST(:now AS timestamp)
    FROM UNNEST(CAST(:first_ids AS bigint[]), CAST(:last_ids AS bigint[])) AS runs (first_id, last_id)
    WHERE id BETWEEN runs.first_id AND runs.last_id
        AND conversion_status = 'pending'
        AND batch_conversion_id IS NULL
        AND (CAST(:opened_at AS timestamp) IS NULL OR created_at <= CAST(:opened_at AS timestamp))
    RETURNING accumulated_eth
)
SELECT COUNT(*) AS payments, COALESCE(SUM(accumulated_eth), 0) AS total_usd FROM entered;
