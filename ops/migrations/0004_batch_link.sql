-- Links a payment to its batch, for rows written from now on; a table that has such a key, whatever its name, keeps it:
-- a second one would ask the same question again for each payment of a claim.

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_constraint
        WHERE contype = 'f'
            AND conrelid = 'payout_accumulation'::REGCLASS
            AND confrelid = 'batch_conversions'::REGCLASS
            AND confdeltype IN ('a', 'r')
            AND conkey = ARRAY(
                SELECT attnum FROM pg_attribute
                WHERE attrelid = 'payout_accumulation'::REGCLASS AND attname = 'batch_conversion_id'))
    THEN
        ALTER TABLE payout_accumulation
            ADD CONSTRAINT micro_batch_payments_batch
            FOREIGN KEY (batch_conversion_id) REFERENCES batch_conversions (batch_conversion_id) NOT VALID;
    END IF;
END
$$;
