-- migrate: no-transaction
-- Built beside the writers. The pending index holds what may be claimed and nothing else, in the order in which it is
-- claimed and with what is summed, so that neither the sum nor the claim ever meets a completed row.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_payout_accumulation_batch_conversion
    ON payout_accumulation (batch_conversion_id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_payout_accumulation_claimable
    ON payout_accumulation (created_at, id)
    INCLUDE (accumulated_eth, nowpayments_outcome_amount)
    WHERE conversion_status = 'pending'
        AND accumulated_eth > 0
        AND accumulated_eth < 'Infinity'
        AND created_at IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_payout_accumulation_unclaimable
    ON payout_accumulation (id)
    WHERE conversion_status = 'pending'
        AND (accumulated_eth > 0 AND accumulated_eth < 'Infinity' AND created_at IS NOT NULL) IS NOT TRUE;

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_batch_conversions_status
    ON batch_conversions (conversion_status);

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS idx_batch_conversions_cn_api_id
    ON batch_conversions (cn_api_id);
