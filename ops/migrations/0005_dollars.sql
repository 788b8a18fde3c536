-- The same dollars in both columns while a payment waits: accumulated_eth is what a batch is weighed by, and
-- accumulated_amount_usdt is what GCBatchProcessor sums, which one NULL sum stops for every client. Some services give
-- the one and some the other; what no column holds (NaN, ten digits before the point) is left out and never refused.
-- Before the row, since accumulated_amount_usdt may be NOT NULL.
CREATE FUNCTION payout_accumulation_dollars() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.conversion_status = 'completed' THEN
        NEW.is_conversion_complete := TRUE;
        RETURN NEW;
    END IF;
    NEW.accumulated_eth := COALESCE(
        NEW.accumulated_eth, CASE WHEN ABS(NEW.accumulated_amount_usdt) < 1e10 THEN NEW.accumulated_amount_usdt END);
    NEW.accumulated_amount_usdt := COALESCE(
        NEW.accumulated_amount_usdt,
        CASE WHEN NEW.accumulated_eth > 0 AND NEW.accumulated_eth < 1e10 THEN NEW.accumulated_eth ELSE 0 END);
    RETURN NEW;
END
$$;

CREATE TRIGGER payout_accumulation_dollars BEFORE INSERT ON payout_accumulation
    FOR EACH ROW
    WHEN ((NEW.conversion_status = 'pending'
            AND (NEW.accumulated_eth IS NULL OR NEW.accumulated_amount_usdt IS NULL))
        OR (NEW.conversion_status = 'completed' AND NEW.is_conversion_complete IS NOT TRUE))
    EXECUTE FUNCTION payout_accumulation_dollars();

-- Whoever completes a payment: ours says so itself, the others do not know the column. After the row: a trigger before
-- the update would have PostgreSQL lock every row first, a tenth more write-ahead log for each payment of a batch.
CREATE FUNCTION payout_accumulation_completed() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE payout_accumulation SET is_conversion_complete = TRUE WHERE id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER payout_accumulation_completed AFTER UPDATE OF conversion_status ON payout_accumulation
    FOR EACH ROW
    WHEN (NEW.conversion_status = 'completed'
        AND OLD.conversion_status IS DISTINCT FROM 'completed'
        AND NEW.is_conversion_complete IS NOT TRUE)
    EXECUTE FUNCTION payout_accumulation_completed();
