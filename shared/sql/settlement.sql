-- name: find_last_unit
-- How many units the floors leave over, and the payment that gets the last of them: the largest remainders come
-- first, ties go to the older payment. The batch is read once and not sorted: payments are counted by the leading 12
-- bits of their remainders, which tells where the last unit falls; those there (one in 4096, or as many as have the
-- same remainder) are sorted by their exact remainders.
-- A quotient is the exact share in 4096ths of a unit, cut: its low 12 bits are those of the remainder, the rest is the
-- floor. From 2^51 units on (22 million USDT) it might not fit and is kept modulo 2^62, which leaves the floors modulo
-- 2^50: that is enough for what they leave over, since each payment leaves less than one unit.
WITH quotients AS MATERIALIZED (  -- 26 bytes a payment; what is more than work_mem waits in a temporary file
    SELECT
        ctid AS place_in_table,  -- finds the row again: all of this sees one snapshot
        CAST(CASE WHEN CAST(:units AS numeric) < 2251799813685248
            THEN DIV(accumulated_eth * (CAST(:units AS numeric) * 4096), CAST(:total_usd AS numeric))
            ELSE MOD(
                DIV(accumulated_eth * (CAST(:units AS numeric) * 4096), CAST(:total_usd AS numeric)),
                4611686018427387904)
            END AS bigint) AS quotient
    FROM payout_accumulation
    WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
),
histogram AS MATERIALIZED (
    SELECT quotient & 4095 AS bucket, COUNT(*) AS payments, SUM(quotient >> 12) AS floors
    FROM quotients
    GROUP BY quotient & 4095
),
left_over AS (
    SELECT CAST(MOD(CAST(:units AS numeric) - COALESCE(SUM(floors), 0), 1125899906842624) AS bigint) AS units
    FROM histogram
),
counted AS (
    SELECT bucket, payments, CAST(SUM(payments) OVER (ORDER BY bucket DESC) AS bigint) AS so_far FROM histogram
),
cut AS (
    SELECT counted.bucket, left_over.units - (counted.so_far - counted.payments) AS place
    FROM counted
    JOIN left_over ON left_over.units > counted.so_far - counted.payments AND left_over.units <= counted.so_far
),
candidates AS (
    SELECT MOD(accumulated_eth * CAST(:units AS numeric), CAST(:total_usd AS numeric)) AS remainder, created_at, id
    FROM payout_accumulation
    WHERE ctid = ANY (ARRAY(SELECT place_in_table FROM quotients WHERE quotient & 4095 = (SELECT bucket FROM cut)))
),
placed AS (
    SELECT remainder, created_at, id, ROW_NUMBER() OVER (ORDER BY remainder DESC, created_at, id) AS place
    FROM candidates
)
SELECT left_over.units, placed.remainder, placed.created_at, placed.id,
    -- What comes next writes the rows: from here on the transaction gives way, without a round trip of its own.
    set_config('lock_timeout', :lock_timeout, TRUE) AS lock_timeout,
    set_config('idle_in_transaction_session_timeout', :idle_in_transaction_session_timeout, TRUE) AS idle_timeout
FROM left_over
LEFT JOIN placed ON placed.place = (SELECT place FROM cut);

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
    is_conversion_complete = TRUE,
    -- The deployed column holds 100 characters; a part of a longer hash would be no hash, and the batch has it whole.
    conversion_tx_hash = CASE WHEN LENGTH(CAST(:tx_hash AS varchar)) <= 100 THEN CAST(:tx_hash AS varchar) END,
    updated_at = CAST(:now AS timestamp)
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid) AND conversion_status = 'swapping';
