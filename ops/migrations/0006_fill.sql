-- migrate: in-steps payout_accumulation
-- What the trigger does for new rows, for those that are there: dollars in both columns where the payment is not
-- completed, is_conversion_complete where it is. The weight of a payment completed before us is not known. Rows that
-- another service holds are passed over and tried again.

WITH wanting AS (
    SELECT
        id,
        CASE WHEN conversion_status = 'completed' THEN is_conversion_complete IS NOT TRUE
            ELSE accumulated_amount_usdt IS NULL
                OR (accumulated_eth IS NULL AND ABS(accumulated_amount_usdt) < 1e10) END AS wants
    FROM payout_accumulation
    WHERE id > $1 AND id <= $2
),
free AS MATERIALIZED (
    SELECT id
    FROM payout_accumulation
    WHERE id > $1 AND id <= $2
        AND CASE WHEN conversion_status = 'completed' THEN is_conversion_complete IS NOT TRUE
            ELSE accumulated_amount_usdt IS NULL
                OR (accumulated_eth IS NULL AND ABS(accumulated_amount_usdt) < 1e10) END
    FOR NO KEY UPDATE SKIP LOCKED
),
filled AS (
    UPDATE payout_accumulation AS payment
    SET is_conversion_complete = CASE WHEN conversion_status = 'completed' THEN TRUE ELSE is_conversion_complete END,
        accumulated_eth = CASE WHEN conversion_status = 'completed' THEN accumulated_eth
            ELSE COALESCE(
                accumulated_eth, CASE WHEN ABS(accumulated_amount_usdt) < 1e10 THEN accumulated_amount_usdt END) END,
        accumulated_amount_usdt = CASE
            WHEN conversion_status = 'completed' OR accumulated_amount_usdt IS NOT NULL THEN accumulated_amount_usdt
            WHEN accumulated_eth > 0 AND accumulated_eth < 1e10 THEN accumulated_eth
            ELSE 0 END
    FROM free
    WHERE payment.id > $1 AND payment.id <= $2 AND payment.id = free.id
    RETURNING payment.id
)
SELECT
    (SELECT COUNT(*) FROM filled) AS done,
    (SELECT COUNT(*) FROM wanting WHERE wants) - (SELECT COUNT(*) FROM filled) AS left_over;
