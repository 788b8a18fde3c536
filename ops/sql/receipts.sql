-- name: show_receipt_batch
-- What a receipt tells of its batch; texts as they are hashed. The units that the floors leave over are counted anew. A
-- batch that the service before ours completed was split by another rule.
SELECT
    CAST(batch_conversion_id AS text) AS batch_conversion_id,
    id AS number,
    CAST(payments.payments AS integer) AS payments,
    CAST(CAST(total_eth_usd AS numeric(20, 8)) AS text) AS total_usd,
    CAST(CAST(actual_usdt_received AS numeric(20, 8)) AS text) AS usdt_received,
    CAST(actual_usdt_received * 100000000 - payments.floors AS bigint) AS units_left_over,
    COALESCE(cn_api_id, '') AS cn_api_id,
    COALESCE(conversion_tx_hash, '') AS tx_hash,
    to_char(completed_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS completed_at
FROM batch_conversions AS batch
CROSS JOIN LATERAL (
    SELECT COUNT(*) AS payments,
        SUM(DIV(accumulated_eth * (batch.actual_usdt_received * 100000000), batch.total_eth_usd)) AS floors
    FROM payout_accumulation AS payment
    WHERE payment.batch_conversion_id = batch.batch_conversion_id
) AS payments
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
    AND conversion_status = 'completed'
    AND settled_by IS NOT NULL
    AND completed_at IS NOT NULL
    AND payments.payments > 0;

-- name: show_receipt_payment
-- What a receipt tells of its payment; its rank among the batch's remainders decides who gets one unit more.
SELECT
    payment.id,
    payment.client_id,
    to_char(payment.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at,
    CAST(CAST(payment.accumulated_eth AS numeric(20, 8)) AS text) AS amount_usd,
    CAST((
        SELECT COUNT(*)
        FROM payout_accumulation AS other
        WHERE other.batch_conversion_id = payment.batch_conversion_id
            AND (-MOD(other.accumulated_eth * units.received, batch.total_eth_usd), other.created_at, other.id)
                <= (-MOD(payment.accumulated_eth * units.received, batch.total_eth_usd), payment.created_at, payment.id)
    ) AS integer) AS rank,
    CAST(CAST(payment.accumulated_amount_usdt AS numeric(20, 8)) AS text) AS usdt_share,
    ARRAY(
        SELECT CAST(released.batch_conversion_id AS text)
        FROM released_payments AS released
        WHERE released.payment_id = payment.id
        ORDER BY released.released_at, released.batch_conversion_id
    ) AS earlier_batches,
    payment.batch_conversion_id,
    payment.conversion_status AS status
FROM payout_accumulation AS payment
LEFT JOIN batch_conversions AS batch ON batch.batch_conversion_id = payment.batch_conversion_id
CROSS JOIN LATERAL (SELECT batch.actual_usdt_received * 100000000 AS received) AS units
WHERE payment.id = CAST(:payment_id AS integer);

-- name: find_leaf
-- Where a payment stands among its batch's.
SELECT CAST(COUNT(*) AS integer) AS leaves_before
FROM payout_accumulation
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND id < CAST(:payment_id AS integer);

-- name: open_leaves
-- The leaves of a batch's tree, hashed where they are: what travels is 32 bytes a payment, in blocks that, but for the last,
-- are complete trees by themselves.
DECLARE leaves NO SCROLL CURSOR FOR
WITH earlier AS MATERIALIZED (
    SELECT released.payment_id,
        string_agg(CAST(released.batch_conversion_id AS text), ','
            ORDER BY released.released_at, released.batch_conversion_id) AS batches
    FROM released_payments AS released
    JOIN payout_accumulation AS payment ON payment.id = released.payment_id
    WHERE payment.batch_conversion_id = CAST(:batch_conversion_id AS uuid)
    GROUP BY released.payment_id
),
ranked AS (
    SELECT payment.id, payment.client_id, payment.created_at, payment.accumulated_eth, payment.accumulated_amount_usdt,
        ROW_NUMBER() OVER (
            ORDER BY MOD(payment.accumulated_eth * (batch.actual_usdt_received * 100000000), batch.total_eth_usd) DESC,
                payment.created_at, payment.id) AS rank
    FROM payout_accumulation AS payment
    JOIN batch_conversions AS batch ON batch.batch_conversion_id = payment.batch_conversion_id
    WHERE payment.batch_conversion_id = CAST(:batch_conversion_id AS uuid)
),
hashed AS (
    SELECT
        ranked.id,
        (ROW_NUMBER() OVER (ORDER BY ranked.id) - 1) / 16384 AS block,
        sha256('\x00'::bytea || convert_to(CAST(json_build_array(
            CAST(ranked.id AS text), ranked.client_id, to_char(ranked.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            CAST(CAST(ranked.accumulated_eth AS numeric(20, 8)) AS text), CAST(ranked.rank AS text),
            CAST(CAST(ranked.accumulated_amount_usdt AS numeric(20, 8)) AS text), COALESCE(earlier.batches, '')
        ) AS text), 'UTF8')) AS leaf
    FROM ranked
    LEFT JOIN earlier ON earlier.payment_id = ranked.id
)
SELECT string_agg(leaf, ''::bytea ORDER BY id) AS leaves
FROM hashed
GROUP BY block
ORDER BY block;

-- name: fetch_leaves
-- One block at a time.
FETCH 1 FROM leaves;

-- name: close_leaves
CLOSE leaves;

-- name: lock_digest
-- Two who make the same digest at once wait for one another; whoever settles batches does not.
SELECT pg_advisory_xact_lock(hashtextextended(CAST(CAST(:batch_conversion_id AS uuid) AS text), 17));

-- name: get_digest
-- The digest that was published of a batch.
SELECT data, occurred_at
FROM batch_events
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND event = 'batch.digest'
ORDER BY id
LIMIT 1;

-- name: list_batches_without_digest
-- Completed batches of ours whose digest has not been made, oldest first.
SELECT batch_conversion_id
FROM batch_conversions AS batch
WHERE conversion_status = 'completed'
    AND settled_by IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM batch_events AS event
        WHERE event.batch_conversion_id = batch.batch_conversion_id AND event.event = 'batch.digest')
ORDER BY id
LIMIT 1000;
