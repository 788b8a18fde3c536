-- From which instant on payments are ours. Where payments wait when this is installed, another flow may be converting
-- them at the moment: nothing is claimed until an operator has decided. Each decision stays on record; the newest holds.

CREATE TABLE cut_over_decisions (
    id BIGSERIAL PRIMARY KEY,
    ours_from TIMESTAMP NOT NULL,                  -- UTC; -infinity: whatever waits
    decided_by VARCHAR(255) NOT NULL,
    why TEXT,
    decided_at TIMESTAMPTZ NOT NULL DEFAULT CLOCK_TIMESTAMP()
);

CREATE TRIGGER cut_over_decisions_append_only BEFORE UPDATE OR DELETE ON cut_over_decisions
    FOR EACH ROW EXECUTE FUNCTION micro_batch_append_only();

-- What waited when this was installed, which tells whether a decision is wanted.
CREATE TABLE micro_batch_installation (
    id INTEGER PRIMARY KEY DEFAULT 1,
    waiting_payments BIGINT NOT NULL,
    waiting_usd NUMERIC(28, 8),
    installed_at TIMESTAMPTZ NOT NULL DEFAULT CLOCK_TIMESTAMP(),
    CONSTRAINT micro_batch_installation_once CHECK (id = 1)
);

INSERT INTO micro_batch_installation (waiting_payments, waiting_usd)
SELECT COUNT(*), COALESCE(SUM(accumulated_eth) FILTER (WHERE accumulated_eth < 'Infinity'), 0)
FROM payout_accumulation
WHERE conversion_status = 'pending';

CREATE TRIGGER micro_batch_installation_append_only BEFORE UPDATE OR DELETE ON micro_batch_installation
    FOR EACH ROW EXECUTE FUNCTION micro_batch_append_only();

CREATE VIEW cut_over AS
SELECT
    decision.ours_from IS NULL AND installation.waiting_payments > 0 AS is_wanted,
    COALESCE(
        decision.ours_from,
        CASE WHEN installation.waiting_payments > 0 THEN TIMESTAMP 'infinity' ELSE TIMESTAMP '-infinity' END
    ) AS ours_from,
    decision.decided_by,
    decision.why,
    decision.decided_at,
    installation.installed_at
FROM micro_batch_installation AS installation
LEFT JOIN (SELECT * FROM cut_over_decisions ORDER BY id DESC LIMIT 1) AS decision ON TRUE
WHERE installation.id = 1;
