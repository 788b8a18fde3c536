-- name: sum_recent_payments
-- What came in, whatever became of it since; rows without usable dollars do not count.
SELECT COUNT(*) AS payments, COALESCE(SUM(accumulated_eth), 0) AS volume_usd
FROM payout_accumulation
WHERE created_at >= (NOW() AT TIME ZONE 'UTC') - CAST(:days AS integer) * INTERVAL '1 day'
    AND accumulated_eth > 0 AND accumulated_eth < 'Infinity';
