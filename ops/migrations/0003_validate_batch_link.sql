-- Reads the table once beside its writers (SHARE UPDATE EXCLUSIVE).

ALTER TABLE payout_accumulation VALIDATE CONSTRAINT payout_accumulation_batch_conversion_id_fkey;
