-- Links a payment to its batch. The column is added empty, so that neither statement reads the table; the key is
-- checked for new rows from now on and for the old ones (all empty) by the next migration, without a lock that
-- writers would feel.

ALTER TABLE payout_accumulation ADD COLUMN IF NOT EXISTS batch_conversion_id UUID;

ALTER TABLE payout_accumulation
    ADD CONSTRAINT payout_accumulation_batch_conversion_id_fkey
    FOREIGN KEY (batch_conversion_id) REFERENCES batch_conversions (batch_conversion_id) NOT VALID;
