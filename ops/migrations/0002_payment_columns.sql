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
