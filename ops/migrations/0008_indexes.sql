-- migrate: no-transaction
-- Built beside the writers, under names of our own: whatever has the name is what IF NOT EXISTS keeps.

CREATE INDEX CONCURRENTLY IF NOT EXISTS micro_batch_payments_of_batch
    ON payout_accumulation (batch_conversion_id)
    WHERE batch_conversion_id IS NOT NULL;

-- What may be claimed and nothing else, in the order in which it is claimed and with what is summed, so that neither
-- the sum nor the claim ever meets a completed row.
CREATE INDEX CONCURRENTLY IF NOT EXISTS micro_batch_payments_claimable
    ON payout_accumulation (created_at, id)
    INCLUDE (accumulated_eth, nowpayments_outcome_amount)
    WHERE payment_is_claimable(
        conversion_status, batch_conversion_id, is_paid_out, accumulated_eth, payment_amount_usd, created_at);

-- What has not ended, is in no batch, and is not claimable either: rows that need a person.
CREATE INDEX CONCURRENTLY IF NOT EXISTS micro_batch_payments_unclaimable
    ON payout_accumulation (id)
    WHERE (conversion_status IN ('completed', 'failed')) IS NOT TRUE
        AND (conversion_status = 'swapping' AND batch_conversion_id IS NOT NULL) IS NOT TRUE
        AND payment_is_claimable(
            conversion_status, batch_conversion_id, is_paid_out, accumulated_eth, payment_amount_usd, created_at)
            IS NOT TRUE;

CREATE INDEX CONCURRENTLY IF NOT EXISTS micro_batch_batches_status
    ON batch_conversions (conversion_status, created_at, id);

-- The old service's: some ended with payments still in them.
CREATE INDEX CONCURRENTLY IF NOT EXISTS micro_batch_batches_old
    ON batch_conversions (batch_conversion_id)
    WHERE opened_because IS NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS micro_batch_batches_order_number
    ON batch_conversions (order_number)
    WHERE order_number IS NOT NULL;

-- Of our own batches alone: the old service may have stored one exchange twice.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS micro_batch_batches_cn_api_id
    ON batch_conversions (cn_api_id)
    WHERE opened_because IS NOT NULL;
