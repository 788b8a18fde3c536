-- What may be claimed and what never is: the sum, the quote and the claim read these. What is more than a day ahead
-- depends on the instant, which is the caller's to say: the functions take it (they are expanded into the statement that
-- calls them, and cost nothing), the views are those of now.

-- Whatever time ahead they carry; a payment that knows the ETH it brought in has known_eth.
CREATE VIEW batchable_payments AS
SELECT
    id,
    client_id,
    created_at,
    accumulated_eth AS amount_usd,
    CASE WHEN nowpayments_outcome_amount > 0 AND nowpayments_outcome_amount < 'Infinity'
        THEN nowpayments_outcome_amount END AS known_eth,
    conversion_status,
    batch_conversion_id,
    updated_at
FROM payout_accumulation
WHERE payment_is_claimable(
        conversion_status, batch_conversion_id, is_paid_out, accumulated_eth, payment_amount_usd, created_at)
    AND created_at >= (SELECT ours_from FROM cut_over);

CREATE FUNCTION claimable_payments_at(instant_utc TIMESTAMP)
RETURNS TABLE (id INTEGER, client_id VARCHAR, created_at TIMESTAMP, amount_usd NUMERIC, known_eth NUMERIC)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT payment.id, payment.client_id, payment.created_at, payment.amount_usd, payment.known_eth
    FROM batchable_payments AS payment
    WHERE payment.created_at <= instant_utc + INTERVAL '1 day';
END;

CREATE VIEW claimable_payments AS
SELECT id, client_id, created_at, amount_usd, known_eth
FROM claimable_payments_at(CURRENT_TIMESTAMP AT TIME ZONE 'UTC');

CREATE FUNCTION unclaimable_payments_at(instant_utc TIMESTAMP)
RETURNS TABLE (
    id INTEGER, client_id VARCHAR, amount_usd NUMERIC, created_at TIMESTAMP, reason TEXT, conversion_status VARCHAR)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT
        payment.id,
        payment.client_id,
        payment.accumulated_eth,
        payment.created_at,
        CASE
            WHEN payment.created_at < (SELECT ours_from FROM cut_over) THEN 'before_cut_over'
            WHEN payment.conversion_status = 'swapping' THEN 'swapping_without_batch'
            WHEN payment.conversion_status IS DISTINCT FROM 'pending' THEN 'unknown_status'
            WHEN payment.batch_conversion_id IS NOT NULL THEN 'pending_in_batch'
            WHEN payment.is_paid_out THEN 'already_paid_out'
            WHEN (payment.accumulated_eth > 0 AND payment.accumulated_eth < 'Infinity') IS NOT TRUE THEN 'no_dollars'
            WHEN (payment.created_at >= '2015-01-01' AND payment.created_at < 'infinity') IS NOT TRUE THEN 'no_time'
            ELSE 'dollars_above_payment'
        END,
        payment.conversion_status
    FROM payout_accumulation AS payment
    WHERE (payment.conversion_status IN ('completed', 'failed')) IS NOT TRUE
        AND (payment.conversion_status = 'swapping' AND payment.batch_conversion_id IS NOT NULL) IS NOT TRUE
        AND payment_is_claimable(
            payment.conversion_status, payment.batch_conversion_id, payment.is_paid_out,
            payment.accumulated_eth, payment.payment_amount_usd, payment.created_at) IS NOT TRUE
    UNION ALL
    SELECT payment.id, payment.client_id, payment.accumulated_eth, payment.created_at, 'before_cut_over',
        payment.conversion_status
    FROM payout_accumulation AS payment
    WHERE payment_is_claimable(
            payment.conversion_status, payment.batch_conversion_id, payment.is_paid_out,
            payment.accumulated_eth, payment.payment_amount_usd, payment.created_at)
        AND payment.created_at < (SELECT ours_from FROM cut_over)
    UNION ALL
    SELECT  -- in a batch of the old service that ended without them, or that nothing moves
        payment.id,
        payment.client_id,
        payment.accumulated_eth,
        payment.created_at,
        CASE
            WHEN payment.created_at < (SELECT ours_from FROM cut_over) THEN 'before_cut_over'
            ELSE 'swapping_without_live_batch'
        END,
        payment.conversion_status
    FROM batch_conversions AS batch
    CROSS JOIN LATERAL (
        SELECT held.id, held.client_id, held.accumulated_eth, held.created_at, held.conversion_status
        FROM payout_accumulation AS held
        WHERE held.batch_conversion_id = batch.batch_conversion_id AND held.conversion_status = 'swapping'
        OFFSET 0  -- batch by batch: they are few, and the payments in batches are all there ever were
    ) AS payment
    WHERE batch.opened_because IS NULL AND batch.conversion_status IS DISTINCT FROM 'swapping'
    UNION ALL
    SELECT payment.id, payment.client_id, payment.amount_usd, payment.created_at, 'no_time', payment.conversion_status
    FROM batchable_payments AS payment
    WHERE payment.created_at > instant_utc + INTERVAL '1 day';
END;

CREATE VIEW unclaimable_payments AS
SELECT id, client_id, amount_usd, created_at, reason, conversion_status
FROM unclaimable_payments_at(CURRENT_TIMESTAMP AT TIME ZONE 'UTC');

-- What a swap cost in dollars, with USDT standing for the dollar: both fees as its quote told them, and its deposit's gas
-- as the chain tells it, where a reconciliation has asked. An account of our own batches, on which no money depends. An ETH
-- counts with the market's rate, else with the quote's own.
CREATE VIEW batch_costs AS
SELECT
    batch.id,
    batch.batch_conversion_id,
    price.usdt_per_eth,
    fees.quoted_usd AS quoted_fees_usd,
    known.deposit_gas_eth,
    ROUND(known.deposit_gas_eth * price.usdt_per_eth, 8) AS deposit_gas_usd,
    fees.quoted_usd + COALESCE(ROUND(known.deposit_gas_eth * price.usdt_per_eth, 8), 0) AS fixed_cost_usd,
    ROUND(batch.minimum_eth * price.usdt_per_eth, 8) AS minimum_usd,
    ROUND((batch.amount_eth - batch.deposit_fee_eth) * batch.market_usdt_per_eth
        - batch.quoted_usdt - batch.withdrawal_fee_usdt, 8) AS spread_usd
FROM batch_conversions AS batch
CROSS JOIN LATERAL (
    SELECT ROUND(COALESCE(batch.market_usdt_per_eth, batch.quoted_usdt / NULLIF(batch.amount_eth, 0)), 8)
        AS usdt_per_eth
) AS price
CROSS JOIN LATERAL (
    SELECT ROUND(batch.withdrawal_fee_usdt + batch.deposit_fee_eth * price.usdt_per_eth, 8) AS quoted_usd
) AS fees
LEFT JOIN batch_reconciliations AS known ON known.batch_conversion_id = batch.batch_conversion_id
WHERE batch.opened_because IS NOT NULL;

-- The batches that hold, or held before they failed, a payment of a client.
CREATE FUNCTION batches_of_client(client VARCHAR) RETURNS TABLE (batch_conversion_id UUID)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT payment.batch_conversion_id FROM payout_accumulation AS payment WHERE payment.client_id = client
    UNION ALL
    SELECT released.batch_conversion_id
    FROM payout_accumulation AS payment
    JOIN released_payments AS released ON released.payment_id = payment.id
    WHERE payment.client_id = client;
END;

-- Whether this database knows the newest order by the fence's word: it has the batch with that intent or a later one, or
-- an operator has accepted the fence as it is. One that was put back to a backup does not, even if it has used the
-- number again for another batch.
CREATE FUNCTION fence_is_known(newest_number BIGINT, newest_batch UUID) RETURNS BOOLEAN
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT newest_number = 0
        OR EXISTS (
            SELECT FROM batch_conversions
            WHERE batch_conversion_id = newest_batch AND order_number >= newest_number)
        OR EXISTS (
            SELECT FROM operator_acts
            WHERE batch_conversion_id IS NULL
                AND act = 'fence accept'
                AND POSITION('"number": ' || newest_number || ', "batch_conversion_id": "' || newest_batch || '"'
                    IN detail) > 0);  -- no act, however odd, can make a check fail
END;

-- A batch's payments as ranges of ids (7-9,12), for those who must enter it again; nothing where there are too many gaps.
CREATE FUNCTION payments_in_ranges(whose UUID) RETURNS TEXT
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT CASE WHEN COUNT(*) <= 50 THEN STRING_AGG(
        CASE WHEN first_id = last_id THEN CAST(first_id AS TEXT) ELSE first_id || '-' || last_id END,
        ',' ORDER BY first_id) END
    FROM (
        SELECT MIN(id) AS first_id, MAX(id) AS last_id
        FROM (
            SELECT id, id - ROW_NUMBER() OVER (ORDER BY id) AS gap
            FROM payout_accumulation
            WHERE batch_conversion_id = whose
        ) AS payments
        GROUP BY gap
    ) AS runs;
END;

-- A payment as the books count it: when it came in, when it was completed, and what it got. One without dollars, without a
-- time, or completed by nobody knows when is not accounted for: no month can be said to hold it. Whatever time it carries,
-- it came in no later than it was completed.
CREATE VIEW accounted_payments AS
SELECT
    payment.id,
    payment.client_id,
    payment.conversion_status,
    payment.accumulated_eth AS amount_usd,
    LEAST(payment.created_at, done.completed_at) AS came_in_at,
    done.completed_at,
    CASE WHEN done.completed_at IS NOT NULL THEN payment.accumulated_amount_usdt END AS share_usdt,
    CASE WHEN payment.is_paid_out THEN payment.paid_out_at END AS paid_out_at,
    payment.payout_batch_id,
    payment.conversion_tx_hash AS tx_hash,
    payment.batch_conversion_id,
    batch.id AS batch_number,
    (payment.accumulated_eth > 0
        AND payment.accumulated_eth < 'Infinity'
        AND payment.created_at > '-infinity'
        AND payment.created_at < 'infinity'
        AND payment.conversion_status IN ('pending', 'swapping', 'completed')
        AND (payment.conversion_status <> 'completed' OR done.completed_at IS NOT NULL)) IS TRUE AS is_accounted
FROM payout_accumulation AS payment
LEFT JOIN batch_conversions AS batch ON batch.batch_conversion_id = payment.batch_conversion_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN payment.conversion_status = 'completed' THEN batch.completed_at END AS completed_at
) AS done;
