-- The two tables that the rest builds on. payout_accumulation exists in production, has rows and is written by
-- other services; it is created here only where it is missing, with the columns as deployed.

CREATE TABLE IF NOT EXISTS payout_accumulation (
    id SERIAL PRIMARY KEY,
    client_id VARCHAR(14) NOT NULL,
    user_id BIGINT NOT NULL,
    subscription_id INTEGER,
    payment_amount_usd NUMERIC(10, 2) NOT NULL,
    payment_currency VARCHAR(10) NOT NULL,
    payment_timestamp TIMESTAMP NOT NULL,
    accumulated_eth NUMERIC(20, 8),                -- US dollars after the TelePay fee, despite the name
    accumulated_amount_usdt NUMERIC(20, 8),        -- the payment's share, filled by the distribution
    conversion_status VARCHAR(50) DEFAULT 'pending',
    conversion_tx_hash VARCHAR(255),
    client_wallet_address VARCHAR(200) NOT NULL,
    client_payout_currency VARCHAR(10) NOT NULL,
    client_payout_network VARCHAR(50) NOT NULL,
    is_paid_out BOOLEAN DEFAULT FALSE,
    payout_batch_id VARCHAR(50),
    paid_out_at TIMESTAMP,
    nowpayments_payment_id VARCHAR(50),
    nowpayments_pay_address VARCHAR(255),
    nowpayments_outcome_amount NUMERIC(30, 18),    -- ETH the payment brought in; may be unknown
    created_at TIMESTAMP DEFAULT NOW(),
    updated_at TIMESTAMP DEFAULT NOW()
);

CREATE TABLE IF NOT EXISTS batch_conversions (
    id SERIAL PRIMARY KEY,
    batch_conversion_id UUID NOT NULL UNIQUE,
    total_eth_usd NUMERIC(20, 8) NOT NULL,         -- US dollars: the exact sum of the batch's payments
    threshold_at_creation NUMERIC(20, 2) NOT NULL,
    cn_api_id VARCHAR(255),
    payin_address VARCHAR(255),
    conversion_status VARCHAR(20) DEFAULT 'pending',
    actual_usdt_received NUMERIC(20, 8),
    conversion_tx_hash VARCHAR(255),
    created_at TIMESTAMP DEFAULT NOW(),
    processing_started_at TIMESTAMP,
    completed_at TIMESTAMP
);

-- What a check must remember to go on after a crash. Times are UTC, as everywhere in these tables.
ALTER TABLE batch_conversions
    ADD COLUMN IF NOT EXISTS opened_because VARCHAR(40),
    ADD COLUMN IF NOT EXISTS payments_count INTEGER,
    ADD COLUMN IF NOT EXISTS amount_eth NUMERIC(20, 8),            -- ETH that ChangeNow is to be sent
    ADD COLUMN IF NOT EXISTS quoted_usdt NUMERIC(20, 8),           -- USDT that ChangeNow estimated for it
    ADD COLUMN IF NOT EXISTS quoted_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS order_prepared_at TIMESTAMP,          -- before the first attempt to send the order
    ADD COLUMN IF NOT EXISTS task_enqueued_at TIMESTAMP,           -- once Cloud Tasks is known to have the order
    ADD COLUMN IF NOT EXISTS exchange_status VARCHAR(40),          -- ChangeNow's last word
    ADD COLUMN IF NOT EXISTS reconcile_after TIMESTAMP,
    ADD COLUMN IF NOT EXISTS stuck_reported_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS amount_accepted_at TIMESTAMP,         -- an operator accepted an unusual amount
    ADD COLUMN IF NOT EXISTS settled_by VARCHAR(20),
    ADD COLUMN IF NOT EXISTS failure_reason VARCHAR(255);

-- Every check leaves one row, whatever it decides.
CREATE TABLE threshold_checks (
    id BIGSERIAL PRIMARY KEY,
    checked_at TIMESTAMPTZ NOT NULL,
    pending_usd NUMERIC(28, 8),
    pending_payments INTEGER,
    oldest_pending_at TIMESTAMPTZ,
    oldest_pending_age_s BIGINT,
    unclaimable_payments INTEGER,
    threshold_usd NUMERIC(28, 8),
    threshold_source VARCHAR(20),                  -- secret, last_valid, newest_batch or default
    policy TEXT,                                   -- the policy in force, as JSON
    decision VARCHAR(20) NOT NULL,                 -- open or wait
    reason VARCHAR(40) NOT NULL,
    batch_conversion_id UUID REFERENCES batch_conversions (batch_conversion_id),
    batches_opened INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT threshold_checks_decision CHECK (decision IN ('open', 'wait'))
);

CREATE INDEX idx_threshold_checks_checked_at ON threshold_checks (checked_at);

-- Batch events are written in the transaction of the change they tell of, and published after its commit.
CREATE TABLE batch_events (
    id BIGSERIAL PRIMARY KEY,
    batch_conversion_id UUID NOT NULL REFERENCES batch_conversions (batch_conversion_id),
    event VARCHAR(40) NOT NULL,
    data TEXT NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    published_at TIMESTAMPTZ,
    CONSTRAINT batch_events_event
        CHECK (event IN ('batch.created', 'batch.completed', 'batch.failed', 'batch.stuck'))
);

CREATE INDEX idx_batch_events_unpublished ON batch_events (id) WHERE published_at IS NULL;

-- Who moved a batch from which state to which, and when: written by a trigger, never changed.
CREATE TABLE batch_state_changes (
    id BIGSERIAL PRIMARY KEY,
    batch_conversion_id UUID NOT NULL REFERENCES batch_conversions (batch_conversion_id),
    from_status VARCHAR(20),
    to_status VARCHAR(20) NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL DEFAULT CLOCK_TIMESTAMP(),
    changed_by NAME NOT NULL DEFAULT CURRENT_USER,
    application NAME NOT NULL DEFAULT CURRENT_SETTING('application_name')
);
