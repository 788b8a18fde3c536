-- name: read_clock
-- The database's time, by which payments and acts are dated.
SELECT CLOCK_TIMESTAMP() AS now;

-- name: record_act
-- Written in the transaction of the change that the act makes.
INSERT INTO operator_acts (act, batch_conversion_id, by_whom, why, detail)
VALUES (:act, CAST(:batch_conversion_id AS uuid), :by_whom, CAST(:why AS text), :detail);

-- name: list_acts_of_batch
-- What people did to one batch, oldest first.
SELECT act, by_whom, why, detail, acted_at
FROM operator_acts
WHERE batch_conversion_id = CAST(:batch_conversion_id AS uuid)
ORDER BY id;

-- name: list_recent_acts
-- What people did last, newest first.
SELECT act, batch_conversion_id, by_whom, why, detail, acted_at
FROM operator_acts
ORDER BY id DESC
LIMIT CAST(:acts_max AS integer);
