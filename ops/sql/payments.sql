-- name: list_arrivals
-- What came in, whatever became of it since, as whole microseconds and whole units of 1e-8 dollars; rows without usable
-- dollars or time do not count.
SELECT
    CAST(EXTRACT(EPOCH FROM created_at) * 1000000 AS bigint) AS instant_us,
    CAST(accumulated_eth * 100000000 AS bigint) AS amount
FROM payout_accumulation
WHERE created_at >= CAST(:since AS timestamp)
    AND created_at < 'infinity'
    AND accumulated_eth > 0
    AND accumulated_eth < 10000000000
ORDER BY created_at, id;
