-- Which payment may be claimed, said once: the indexes and the views that follow ask this, and so must all else. It is
-- expanded wherever it is called, and reads nothing but what it is given. What depends on the time or on the cut-over
-- is not in it. Other services' columns are trusted with nothing: dollars may be missing, NaN or more than was paid.

CREATE FUNCTION payment_is_claimable(
    conversion_status VARCHAR, batch_conversion_id UUID, is_paid_out BOOLEAN,
    amount_usd NUMERIC, payment_amount_usd NUMERIC, created_at TIMESTAMP)
RETURNS BOOLEAN LANGUAGE sql IMMUTABLE
RETURN conversion_status = 'pending'
    AND batch_conversion_id IS NULL
    AND is_paid_out IS NOT TRUE
    AND amount_usd > 0
    AND amount_usd < 'Infinity'
    AND amount_usd <= payment_amount_usd + 0.01
    AND payment_amount_usd < 'Infinity'
    AND created_at >= '2015-01-01'
    AND created_at < 'infinity';

-- Which payment fits a batch's terms, said once for the quote and the claim, and expanded like the other: one that does
-- not know its ETH is valued at the market's worth, one that does must be worth its dollars, nearly.
CREATE FUNCTION payment_fits_terms(
    amount_usd NUMERIC, known_eth NUMERIC, usd_max NUMERIC, unknown_usd_max NUMERIC, eth_max NUMERIC,
    eth_per_usd_min NUMERIC, eth_per_usd_max NUMERIC)
RETURNS BOOLEAN LANGUAGE sql IMMUTABLE
RETURN CASE
    WHEN known_eth IS NULL THEN amount_usd <= unknown_usd_max
    ELSE amount_usd <= usd_max
        AND known_eth <= eth_max
        AND known_eth BETWEEN amount_usd * eth_per_usd_min AND amount_usd * eth_per_usd_max
END;
