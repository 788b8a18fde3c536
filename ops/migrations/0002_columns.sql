-- What a payment needs and the table that stands may lack. No column comes with a default: rows that are there would
-- take it on, and all of a table without a status would be pending. Times are UTC, whatever zone the database has.

ALTER TABLE payout_accumulation
    ADD COLUMN IF NOT EXISTS accumulated_eth NUMERIC(20, 8),
    ADD COLUMN IF NOT EXISTS accumulated_amount_usdt NUMERIC(20, 8),
    ADD COLUMN IF NOT EXISTS conversion_status VARCHAR(50),
    ADD COLUMN IF NOT EXISTS conversion_tx_hash VARCHAR(100),
    ADD COLUMN IF NOT EXISTS is_paid_out BOOLEAN,
    ADD COLUMN IF NOT EXISTS is_conversion_complete BOOLEAN,
    ADD COLUMN IF NOT EXISTS nowpayments_outcome_amount NUMERIC(30, 18),
    ADD COLUMN IF NOT EXISTS batch_conversion_id UUID,
    ADD COLUMN IF NOT EXISTS created_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS updated_at TIMESTAMP;

ALTER TABLE payout_accumulation
    ALTER COLUMN conversion_status SET DEFAULT 'pending',
    ALTER COLUMN is_paid_out SET DEFAULT FALSE,
    ALTER COLUMN is_conversion_complete SET DEFAULT FALSE,
    ALTER COLUMN created_at SET DEFAULT (CURRENT_TIMESTAMP AT TIME ZONE 'UTC'),
    ALTER COLUMN updated_at SET DEFAULT (CURRENT_TIMESTAMP AT TIME ZONE 'UTC');

-- What a check must remember of a batch to go on after a crash. Times are UTC, as everywhere in these tables.

ALTER TABLE batch_conversions
    ADD COLUMN IF NOT EXISTS cn_api_id VARCHAR(255),
    ADD COLUMN IF NOT EXISTS payin_address VARCHAR(255),
    ADD COLUMN IF NOT EXISTS conversion_status VARCHAR(20),
    ADD COLUMN IF NOT EXISTS actual_usdt_received NUMERIC(20, 8),
    ADD COLUMN IF NOT EXISTS conversion_tx_hash VARCHAR(255),
    ADD COLUMN IF NOT EXISTS created_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS processing_started_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS completed_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS opened_because VARCHAR(40),           -- given by our own check alone: the batch is ours
    ADD COLUMN IF NOT EXISTS payments_count INTEGER,
    ADD COLUMN IF NOT EXISTS amount_eth NUMERIC(20, 8),            -- ETH that ChangeNow is to be sent
    ADD COLUMN IF NOT EXISTS quoted_usdt NUMERIC(20, 8),           -- USDT that ChangeNow estimated for it
    ADD COLUMN IF NOT EXISTS quoted_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS deposit_fee_eth NUMERIC(20, 8),       -- ChangeNow's network fees, as the quote told them
    ADD COLUMN IF NOT EXISTS withdrawal_fee_usdt NUMERIC(20, 8),
    ADD COLUMN IF NOT EXISTS minimum_eth NUMERIC(20, 8),           -- the least that ChangeNow took then
    ADD COLUMN IF NOT EXISTS market_usdt_per_eth NUMERIC(20, 8),   -- the rate between its quotes each way
    ADD COLUMN IF NOT EXISTS order_prepared_at TIMESTAMP,          -- before the first attempt to send the order
    ADD COLUMN IF NOT EXISTS order_number BIGINT,                  -- counts the intents to send one, as the fence does
    ADD COLUMN IF NOT EXISTS task_enqueued_at TIMESTAMP,           -- once Cloud Tasks is known to have the order
    ADD COLUMN IF NOT EXISTS exchange_status VARCHAR(40),          -- ChangeNow's last word
    ADD COLUMN IF NOT EXISTS exchange_asked_at TIMESTAMP,          -- when it was last asked
    ADD COLUMN IF NOT EXISTS reconcile_after TIMESTAMP,            -- when to ask again
    ADD COLUMN IF NOT EXISTS questions_failed INTEGER NOT NULL DEFAULT 0,  -- in a row; the intervals grow with it
    ADD COLUMN IF NOT EXISTS stuck_reported_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS deposit_eth NUMERIC(20, 8),           -- ETH that ChangeNow saw arrive (amountFrom)
    ADD COLUMN IF NOT EXISTS payin_hash VARCHAR(255),              -- the deposit's transaction, by ChangeNow's word
    ADD COLUMN IF NOT EXISTS deposit_lost_at TIMESTAMP,            -- a deposit that ended without a payout
    ADD COLUMN IF NOT EXISTS refused_usdt NUMERIC(20, 8),          -- an unusual amount, seen and not distributed
    ADD COLUMN IF NOT EXISTS refused_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS accepted_usdt NUMERIC(20, 8),         -- the very amount that an operator accepted
    ADD COLUMN IF NOT EXISTS amount_accepted_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS late_usdt_received NUMERIC(20, 8),    -- paid out after the batch was given up
    ADD COLUMN IF NOT EXISTS late_seen_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS settled_by VARCHAR(20),
    ADD COLUMN IF NOT EXISTS smallest_share_usdt NUMERIC(20, 8),   -- as written, seen where the shares' sum is compared
    ADD COLUMN IF NOT EXISTS largest_share_usdt NUMERIC(20, 8),
    ADD COLUMN IF NOT EXISTS failure_reason VARCHAR(255);

ALTER TABLE batch_conversions
    ALTER COLUMN conversion_status SET DEFAULT 'pending',
    ALTER COLUMN created_at SET DEFAULT (CURRENT_TIMESTAMP AT TIME ZONE 'UTC');
