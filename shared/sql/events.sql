-- name: record_event
-- Written in the transaction of the change that it tells of.
INSERT INTO batch_events (batch_conversion_id, event, data, occurred_at)
VALUES (CAST(:batch_conversion_id AS uuid), :event, :data, CAST(:now AS timestamptz));

-- name: list_unpublished_events
-- Oldest first, a bounded number a turn; the next check goes on.
SELECT id, batch_conversion_id, event, data
FROM batch_events
WHERE published_at IS NULL
ORDER BY id
LIMIT 100;

-- name: mark_events_published
-- What was handed to Pub/Sub need not go again.
UPDATE batch_events SET published_at = CAST(:now AS timestamptz) WHERE id = ANY(CAST(:ids AS bigint[]));
