-- Reads the table once beside its writers (SHARE UPDATE EXCLUSIVE). Old payments that point at a batch that is not there
-- stay as they are, and the key goes on holding for new ones only.

DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_constraint
        WHERE conrelid = 'payout_accumulation'::REGCLASS AND conname = 'micro_batch_payments_batch')
    THEN
        ALTER TABLE payout_accumulation VALIDATE CONSTRAINT micro_batch_payments_batch;
    END IF;
EXCEPTION
    WHEN foreign_key_violation THEN
        RAISE NOTICE 'micro_batch_payments_batch stays not validated: %', SQLERRM;
END
$$;

-- The rules speak of our own batches, of which there are none yet: validated without a word about the others.

ALTER TABLE batch_conversions
    VALIDATE CONSTRAINT batch_conversions_status,
    VALIDATE CONSTRAINT batch_conversions_amounts,
    VALIDATE CONSTRAINT batch_conversions_own_amounts,
    VALIDATE CONSTRAINT batch_conversions_exchange_before_order,
    VALIDATE CONSTRAINT batch_conversions_completed_with_amount,
    VALIDATE CONSTRAINT batch_conversions_settled_by;
