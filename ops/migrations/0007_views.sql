-- What may be claimed, said once: the sum, the quote and the claim read this view, and its condition is that of
-- idx_payout_accumulation_claimable. A payment that knows the ETH it brought in has known_eth.

CREATE VIEW claimable_payments AS
SELECT
    id,
    created_at,
    accumulated_eth AS amount_usd,
    CASE WHEN nowpayments_outcome_amount > 0 AND nowpayments_outcome_amount < 'Infinity'
        THEN nowpayments_outcome_amount END AS known_eth,
    conversion_status,
    batch_conversion_id,
    updated_at
FROM payout_accumulation
WHERE conversion_status = 'pending'
    AND accumulated_eth > 0
    AND accumulated_eth < 'Infinity'
    AND created_at IS NOT NULL;

CREATE VIEW unclaimable_payments AS
SELECT id, created_at, accumulated_eth AS amount_usd
FROM payout_accumulation
WHERE conversion_status = 'pending'
    AND (accumulated_eth > 0 AND accumulated_eth < 'Infinity' AND created_at IS NOT NULL) IS NOT TRUE;
