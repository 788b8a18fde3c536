-- What our services alone write: every check, every event, every change of state, every act of an operator.

-- Every check leaves one row, whatever it decides.
CREATE TABLE threshold_checks (
    id BIGSERIAL PRIMARY KEY,
    checked_at TIMESTAMPTZ NOT NULL,
    pending_usd NUMERIC(28, 8),
    pending_payments INTEGER,
    oldest_pending_at TIMESTAMPTZ,
    oldest_pending_age_s BIGINT,
    unclaimable_payments INTEGER,
    unclaimable_by_reason TEXT,                    -- a JSON object of counts
    threshold_usd NUMERIC(28, 8),
    threshold_source VARCHAR(20),                  -- secret, last_valid, newest_batch or default
    policy TEXT,                                   -- the policy in force, as JSON
    swap_cost_usd NUMERIC(28, 8),                  -- what the policy's cost rule went by
    refused_quote_usdt NUMERIC(28, 8),             -- what ChangeNow offered and the guard refused
    forced BOOLEAN NOT NULL DEFAULT FALSE,
    decision VARCHAR(20) NOT NULL,                 -- open or wait
    reason VARCHAR(40) NOT NULL,
    batch_conversion_id UUID REFERENCES batch_conversions (batch_conversion_id),
    batches_opened INTEGER NOT NULL DEFAULT 0,
    fence_number BIGINT,                           -- of the newest order by the fence's word, where it was read
    CONSTRAINT threshold_checks_decision CHECK (decision IN ('open', 'wait'))
);

CREATE INDEX micro_batch_checks_checked_at ON threshold_checks (checked_at);

-- Batch events are written in the transaction of the change they tell of, and published after its commit.
CREATE TABLE batch_events (
    id BIGSERIAL PRIMARY KEY,
    batch_conversion_id UUID NOT NULL REFERENCES batch_conversions (batch_conversion_id),
    event VARCHAR(40) NOT NULL,
    data TEXT NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    published_at TIMESTAMPTZ,
    CONSTRAINT batch_events_event CHECK (event IN (
        'batch.created', 'batch.completed', 'batch.failed', 'batch.stuck', 'batch.paid_late', 'batch.deposit_lost',
        'batch.digest'))
);

CREATE INDEX micro_batch_events_unpublished ON batch_events (id) WHERE published_at IS NULL;

CREATE INDEX micro_batch_events_of_batch ON batch_events (batch_conversion_id, id);

-- Who moved a batch from which state to which, and when: written by a trigger.
CREATE TABLE batch_state_changes (
    id BIGSERIAL PRIMARY KEY,
    batch_conversion_id UUID NOT NULL REFERENCES batch_conversions (batch_conversion_id),
    from_status VARCHAR(20),
    to_status VARCHAR(20),                         -- empty where the old service wrote none
    changed_at TIMESTAMPTZ NOT NULL DEFAULT CLOCK_TIMESTAMP(),
    changed_by NAME NOT NULL DEFAULT SESSION_USER,
    application NAME NOT NULL DEFAULT CURRENT_SETTING('application_name')
);

CREATE INDEX micro_batch_state_changes_of_batch ON batch_state_changes (batch_conversion_id, id);

-- What a failed batch held, so that their lives can be told: a trigger writes what the release itself did not. A payment
-- leaves a batch once; its batch is known to exist, which a foreign key would ask again for each of a million.
CREATE TABLE released_payments (
    batch_conversion_id UUID NOT NULL,
    payment_id INTEGER NOT NULL,
    amount_usd NUMERIC(20, 8),
    released_at TIMESTAMP NOT NULL,                -- UTC, as the release itself gives it
    PRIMARY KEY (batch_conversion_id, payment_id)
);

CREATE INDEX micro_batch_released_payments_payment ON released_payments (payment_id);

-- What a person did that changed money's course.
CREATE TABLE operator_acts (
    id BIGSERIAL PRIMARY KEY,
    act VARCHAR(40) NOT NULL,                      -- the verb: release, resend, accept, cut-over, ...
    batch_conversion_id UUID REFERENCES batch_conversions (batch_conversion_id),
    by_whom VARCHAR(255) NOT NULL,
    why TEXT,
    detail TEXT,                                   -- a JSON object of what the act was given and what it found
    acted_at TIMESTAMPTZ NOT NULL DEFAULT CLOCK_TIMESTAMP()
);

CREATE INDEX micro_batch_operator_acts_of_batch ON operator_acts (batch_conversion_id, id);

-- A month's books as they were closed; what changed since is found by closing it again.
CREATE TABLE month_closes (
    id BIGSERIAL PRIMARY KEY,
    month DATE NOT NULL,                           -- its first day
    closed_at TIMESTAMPTZ NOT NULL DEFAULT CLOCK_TIMESTAMP(),
    by_whom VARCHAR(255) NOT NULL,
    why TEXT,
    sums TEXT NOT NULL,                            -- a JSON object, amounts as strings
    digest VARCHAR(64) NOT NULL,
    CONSTRAINT month_closes_month CHECK (EXTRACT(DAY FROM month) = 1)
);

CREATE INDEX micro_batch_month_closes_month ON month_closes (month, id);

-- What the reconciliation last found of a batch, with what the chain's receipts say. A payout on the chain belongs to
-- one batch.
CREATE TABLE batch_reconciliations (
    batch_conversion_id UUID PRIMARY KEY REFERENCES batch_conversions (batch_conversion_id),
    verdict VARCHAR(20) NOT NULL,
    is_chain_asked BOOLEAN NOT NULL,
    reconciled_at TIMESTAMPTZ NOT NULL,
    deposit_hash VARCHAR(66),
    deposited_eth NUMERIC(38, 18),
    deposit_gas_eth NUMERIC(38, 18),               -- gas used by its price, as paid
    payout_hash VARCHAR(66),
    payout_log_index INTEGER,
    paid_out_usdt NUMERIC(26, 6),
    CONSTRAINT batch_reconciliations_verdict CHECK (verdict IN ('matched', 'open', 'differs'))
);

CREATE UNIQUE INDEX micro_batch_reconciliations_payout ON batch_reconciliations (payout_hash, payout_log_index);

CREATE FUNCTION micro_batch_append_only() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_append_only';
END
$$;

CREATE TRIGGER batch_state_changes_append_only BEFORE UPDATE OR DELETE ON batch_state_changes
    FOR EACH ROW EXECUTE FUNCTION micro_batch_append_only();

CREATE TRIGGER released_payments_append_only BEFORE UPDATE OR DELETE ON released_payments
    FOR EACH ROW EXECUTE FUNCTION micro_batch_append_only();

CREATE TRIGGER operator_acts_append_only BEFORE UPDATE OR DELETE ON operator_acts
    FOR EACH ROW EXECUTE FUNCTION micro_batch_append_only();

CREATE TRIGGER month_closes_append_only BEFORE UPDATE OR DELETE ON month_closes
    FOR EACH ROW EXECUTE FUNCTION micro_batch_append_only();
