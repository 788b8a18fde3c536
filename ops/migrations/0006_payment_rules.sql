-- What the database refuses of a payment. Rows without a batch belong to other services and to the time before
-- batches; the rules speak of claimed rows, and of nothing that those services do. They hold for every row written
-- from now on (NOT VALID: the table is not read, writers do not wait).

ALTER TABLE payout_accumulation
    ADD CONSTRAINT payout_accumulation_claimed
        CHECK (batch_conversion_id IS NULL
            OR (conversion_status IN ('swapping', 'completed')
                AND accumulated_eth > 0 AND accumulated_eth < 'Infinity'
                AND accumulated_eth IS NOT NULL AND created_at IS NOT NULL)) NOT VALID,
    ADD CONSTRAINT payout_accumulation_share
        CHECK (batch_conversion_id IS NULL
            OR conversion_status <> 'completed'
            OR (accumulated_amount_usdt >= 0 AND accumulated_amount_usdt < 'Infinity'
                AND accumulated_amount_usdt IS NOT NULL)) NOT VALID;

-- The rules below judge a row as it was written, and refuse by failing the statement: a trigger before the row would
-- lock it first, which costs a tenth more write-ahead log for each payment of a batch.

-- An unknown status would hide a payment from every check. Only writing a status is judged: other services go on
-- updating old rows whatever theirs is.
CREATE FUNCTION payout_accumulation_status() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payment %: no such conversion_status: %', NEW.id, NEW.conversion_status
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_accumulation_status';
END
$$;

CREATE TRIGGER payout_accumulation_status AFTER INSERT OR UPDATE OF conversion_status ON payout_accumulation
    FOR EACH ROW
    WHEN (NEW.conversion_status IS NULL
        OR NEW.conversion_status NOT IN ('pending', 'swapping', 'completed', 'failed'))
    EXECUTE FUNCTION payout_accumulation_status();

CREATE FUNCTION payout_accumulation_frozen() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payment % belongs to batch %: its dollars, and once settled its share, never change',
        OLD.id, OLD.batch_conversion_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_accumulation_frozen';
END
$$;

-- The weights of a distribution, and the order in which ties are broken.
CREATE TRIGGER payout_accumulation_weight_frozen AFTER UPDATE OF id, accumulated_eth, created_at ON payout_accumulation
    FOR EACH ROW
    WHEN (OLD.batch_conversion_id IS NOT NULL
        AND (NEW.id <> OLD.id OR NEW.accumulated_eth IS DISTINCT FROM OLD.accumulated_eth
            OR NEW.created_at IS DISTINCT FROM OLD.created_at))
    EXECUTE FUNCTION payout_accumulation_frozen();

-- A settled payment stays settled, in its batch, with its share.
CREATE TRIGGER payout_accumulation_share_frozen
    AFTER UPDATE OF conversion_status, batch_conversion_id, accumulated_amount_usdt ON payout_accumulation
    FOR EACH ROW
    WHEN (OLD.conversion_status = 'completed' AND OLD.batch_conversion_id IS NOT NULL
        AND (NEW.conversion_status IS DISTINCT FROM OLD.conversion_status
            OR NEW.batch_conversion_id IS DISTINCT FROM OLD.batch_conversion_id
            OR NEW.accumulated_amount_usdt IS DISTINCT FROM OLD.accumulated_amount_usdt))
    EXECUTE FUNCTION payout_accumulation_frozen();

CREATE TRIGGER payout_accumulation_claimed_kept BEFORE DELETE ON payout_accumulation
    FOR EACH ROW WHEN (OLD.batch_conversion_id IS NOT NULL)
    EXECUTE FUNCTION payout_accumulation_frozen();

-- A payment leaves a batch only when that batch has failed.
CREATE FUNCTION payout_accumulation_release() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM batch_conversions
                   WHERE batch_conversion_id = OLD.batch_conversion_id AND conversion_status = 'failed')
    THEN
        RAISE EXCEPTION 'payment % cannot leave batch %, which is alive', OLD.id, OLD.batch_conversion_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_accumulation_release';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER payout_accumulation_release AFTER UPDATE OF batch_conversion_id ON payout_accumulation
    FOR EACH ROW
    WHEN (OLD.batch_conversion_id IS NOT NULL
        AND NEW.batch_conversion_id IS DISTINCT FROM OLD.batch_conversion_id)
    EXECUTE FUNCTION payout_accumulation_release();
