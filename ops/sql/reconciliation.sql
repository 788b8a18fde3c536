-- name: list_batches_to_reconcile
-- Batches of ours by number, a page at a time: of a period, or one, or else all that have not matched for good. For a week
-- after a batch's end ChangeNow's word may still change, and for a week before it one given up may still be paid out.
SELECT
    batch.id AS number,
    batch.batch_conversion_id,
    batch.conversion_status AS status,
    batch.total_eth_usd AS total_usd,
    batch.amount_eth,
    batch.deposit_eth,
    batch.actual_usdt_received AS received_usdt,
    batch.conversion_tx_hash AS tx_hash,
    batch.payin_hash,
    batch.cn_api_id,
    batch.payin_address,
    COALESCE(batch.order_prepared_at, batch.task_enqueued_at) AT TIME ZONE 'UTC' AS ordered_at,
    batch.deposit_lost_at IS NOT NULL AS is_deposit_lost,
    batch.late_usdt_received AS late_usdt,
    CASE WHEN batch.accepted_usdt IS NULL THEN batch.refused_usdt END AS refused_usdt,
    batch.failure_reason,
    COALESCE(batch.completed_at, batch.late_seen_at, batch.created_at) AT TIME ZONE 'UTC' AS settled_at
FROM batch_conversions AS batch
LEFT JOIN batch_reconciliations AS known ON known.batch_conversion_id = batch.batch_conversion_id
WHERE batch.id > CAST(:after AS integer)
    AND (batch.opened_because IS NOT NULL OR batch.settled_by IS NOT NULL OR batch.failure_reason IS NOT NULL)
    AND (CAST(:batch_conversion_id AS uuid) IS NULL
        OR batch.batch_conversion_id = CAST(:batch_conversion_id AS uuid))
    AND (CAST(:since AS timestamptz) IS NULL OR batch.created_at >= CAST(:since AS timestamptz) AT TIME ZONE 'UTC')
    AND (CAST(:until AS timestamptz) IS NULL OR batch.created_at < CAST(:until AS timestamptz) AT TIME ZONE 'UTC')
    AND (CAST(:is_every AS boolean)
        OR known.verdict IS DISTINCT FROM 'matched'
        OR (CAST(:is_chain_asked AS boolean) AND NOT known.is_chain_asked)
        OR known.reconciled_at AT TIME ZONE 'UTC'
            < COALESCE(batch.completed_at, batch.created_at + INTERVAL '7 days') + INTERVAL '7 days')
ORDER BY batch.id
LIMIT CAST(:batches_max AS integer);

-- name: list_settled_findings
-- What people have dealt with, of some batches.
SELECT batch_conversion_id, detail
FROM operator_acts
WHERE act = 'reconcile settled' AND batch_conversion_id = ANY(CAST(:batch_conversion_ids AS uuid[]))
ORDER BY id;

-- name: get_first_batch_time
-- When our first batch was opened: what ChangeNow made before it is none of ours.
SELECT MIN(created_at) AT TIME ZONE 'UTC' AS first_at FROM batch_conversions WHERE opened_because IS NOT NULL;

-- name: list_known_exchanges
-- Which of these exchanges are a batch's, whoever opened it.
SELECT cn_api_id FROM batch_conversions WHERE cn_api_id = ANY(CAST(:cn_api_ids AS varchar[]));

-- name: list_settled_exchange
-- What people have dealt with of an exchange that no batch knows.
SELECT detail
FROM operator_acts
WHERE act = 'reconcile settled'
    AND batch_conversion_id IS NULL
    AND CAST(detail AS jsonb) ->> 'cn_api_id' = CAST(:cn_api_id AS varchar)
ORDER BY id;

-- name: list_claimed_payouts
-- The batches to which payouts on the chain belong already.
SELECT batch_conversion_id, payout_hash, payout_log_index
FROM batch_reconciliations
WHERE payout_hash = ANY(CAST(:payout_hashes AS varchar[]));

-- name: record_reconciliation
-- What was found last; what receipts said stays where the chain is not asked again.
INSERT INTO batch_reconciliations AS known (batch_conversion_id, verdict, is_chain_asked, reconciled_at, deposit_hash,
    deposited_eth, deposit_gas_eth, payout_hash, payout_log_index, paid_out_usdt)
VALUES (CAST(:batch_conversion_id AS uuid), :verdict, CAST(:is_chain_asked AS boolean), CAST(:now AS timestamptz),
    CAST(:deposit_hash AS varchar), CAST(:deposited_eth AS numeric), CAST(:deposit_gas_eth AS numeric),
    CAST(:payout_hash AS varchar), CAST(:payout_log_index AS integer), CAST(:paid_out_usdt AS numeric))
ON CONFLICT (batch_conversion_id) DO UPDATE
SET verdict = EXCLUDED.verdict,
    is_chain_asked = EXCLUDED.is_chain_asked,
    reconciled_at = EXCLUDED.reconciled_at,
    deposit_hash = COALESCE(EXCLUDED.deposit_hash, known.deposit_hash),
    deposited_eth = COALESCE(EXCLUDED.deposited_eth, known.deposited_eth),
    deposit_gas_eth = COALESCE(EXCLUDED.deposit_gas_eth, known.deposit_gas_eth),
    payout_hash = COALESCE(EXCLUDED.payout_hash, known.payout_hash),
    payout_log_index = COALESCE(EXCLUDED.payout_log_index, known.payout_log_index),
    paid_out_usdt = COALESCE(EXCLUDED.paid_out_usdt, known.paid_out_usdt);
