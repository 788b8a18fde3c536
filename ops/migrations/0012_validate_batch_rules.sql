-- The rules speak of our own batches, of which there are none yet: validated without a word about the others.

ALTER TABLE batch_conversions
    VALIDATE CONSTRAINT batch_conversions_status,
    VALIDATE CONSTRAINT batch_conversions_amounts,
    VALIDATE CONSTRAINT batch_conversions_own_amounts,
    VALIDATE CONSTRAINT batch_conversions_exchange_before_order,
    VALIDATE CONSTRAINT batch_conversions_completed_with_amount,
    VALIDATE CONSTRAINT batch_conversions_settled_by;
