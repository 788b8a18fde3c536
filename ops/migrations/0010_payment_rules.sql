-- What the database refuses of a payment. The table is other services' too, and its old rows are in every state: each
-- rule fires on the columns that it speaks of and on nothing else, so that none ever judges an update of is_paid_out,
-- and none speaks of a row without a batch. They refuse by failing the statement after the row is written: a trigger
-- before the row would lock it first, which costs a tenth more write-ahead log for each payment of a batch.

-- A payment joins a batch of ours while that batch is pending, and nothing else: what the old service would claim is
-- refused. The batch is locked, so that it stays pending until the payment has joined.
CREATE FUNCTION payout_accumulation_join() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM batch_conversions
    WHERE batch_conversion_id = NEW.batch_conversion_id
        AND conversion_status = 'pending'
        AND opened_because IS NOT NULL
    FOR SHARE;

    IF NOT FOUND THEN
        RAISE EXCEPTION 'payment % cannot join batch %, which is not open for payments', NEW.id, NEW.batch_conversion_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_accumulation_join';
    END IF;

    IF (NEW.conversion_status = 'swapping'
        AND NEW.accumulated_eth > 0 AND NEW.accumulated_eth < 'Infinity' AND NEW.created_at IS NOT NULL) IS NOT TRUE
    THEN
        RAISE EXCEPTION 'payment % cannot join batch % without dollars, a time and the status swapping',
            NEW.id, NEW.batch_conversion_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_accumulation_claimed';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER payout_accumulation_join AFTER UPDATE OF batch_conversion_id ON payout_accumulation
    FOR EACH ROW
    WHEN (NEW.batch_conversion_id IS NOT NULL
        AND NEW.batch_conversion_id IS DISTINCT FROM OLD.batch_conversion_id
        AND (NEW.batch_conversion_id::TEXT = CURRENT_SETTING('micro_batch.joinable', TRUE)
            AND NEW.conversion_status = 'swapping'
            AND NEW.accumulated_eth > 0 AND NEW.accumulated_eth < 'Infinity'
            AND NEW.created_at IS NOT NULL) IS NOT TRUE)
    EXECUTE FUNCTION payout_accumulation_join();

CREATE TRIGGER payout_accumulation_join_at_birth AFTER INSERT ON payout_accumulation
    FOR EACH ROW WHEN (NEW.batch_conversion_id IS NOT NULL)
    EXECUTE FUNCTION payout_accumulation_join();

-- In a batch of ours a payment is swapping, or completed with a share.
CREATE FUNCTION payout_accumulation_claimed() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM batch_conversions
               WHERE batch_conversion_id = NEW.batch_conversion_id AND opened_because IS NOT NULL)
    THEN
        RAISE EXCEPTION 'payment % belongs to batch %: it cannot be % with a share of %',
            NEW.id, NEW.batch_conversion_id, NEW.conversion_status, NEW.accumulated_amount_usdt
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_accumulation_claimed';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER payout_accumulation_claimed
    AFTER UPDATE OF conversion_status, accumulated_amount_usdt ON payout_accumulation
    FOR EACH ROW
    WHEN (NEW.batch_conversion_id IS NOT NULL
        AND (NEW.conversion_status = 'swapping'
            OR (NEW.conversion_status = 'completed'
                AND NEW.accumulated_amount_usdt >= 0 AND NEW.accumulated_amount_usdt < 'Infinity')) IS NOT TRUE)
    EXECUTE FUNCTION payout_accumulation_claimed();

CREATE FUNCTION payout_accumulation_frozen() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payment % belongs to batch %: its dollars, and once settled its share, never change',
        OLD.id, OLD.batch_conversion_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_accumulation_frozen';
END
$$;

-- The weights of a distribution, and the order in which ties are broken. A weight that was never known may be entered.
CREATE TRIGGER payout_accumulation_weight_frozen AFTER UPDATE OF id, accumulated_eth, created_at ON payout_accumulation
    FOR EACH ROW
    WHEN (OLD.batch_conversion_id IS NOT NULL
        AND (NEW.id <> OLD.id
            OR (OLD.accumulated_eth IS NOT NULL AND NEW.accumulated_eth IS DISTINCT FROM OLD.accumulated_eth)
            OR (OLD.created_at IS NOT NULL AND NEW.created_at IS DISTINCT FROM OLD.created_at)))
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

-- A payment leaves a batch only when that batch has failed, and what it held stays on record. One that points at no
-- batch may be freed; so may one that got into a live batch beside the payments that make up its total, since the batch
-- could not complete with it. A batch whose payments are all on record already needs neither asked for each of a
-- million: the setting tells, which ends with the transaction.
CREATE FUNCTION payout_accumulation_release() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO released_payments (batch_conversion_id, payment_id, amount_usd, released_at)
    SELECT batch_conversion_id, OLD.id, OLD.accumulated_eth,
           CASE WHEN NEW.updated_at IS DISTINCT FROM OLD.updated_at THEN NEW.updated_at
               ELSE CURRENT_TIMESTAMP AT TIME ZONE 'UTC' END
    FROM batch_conversions
    WHERE batch_conversion_id = OLD.batch_conversion_id AND conversion_status = 'failed'
    ON CONFLICT DO NOTHING;

    -- One after the other: two that leave at once would each count the other as still there.
    PERFORM FROM batch_conversions WHERE batch_conversion_id = OLD.batch_conversion_id FOR NO KEY UPDATE;

    IF EXISTS (
        SELECT FROM batch_conversions AS batch
        WHERE batch.batch_conversion_id = OLD.batch_conversion_id
            AND batch.conversion_status IS DISTINCT FROM 'failed'
            AND (batch.opened_because IS NOT NULL AND batch.conversion_status IN ('pending', 'swapping')
                AND batch.total_eth_usd <= (
                    SELECT SUM(accumulated_eth) FROM payout_accumulation
                    WHERE batch_conversion_id = OLD.batch_conversion_id)) IS NOT TRUE)
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
        AND NEW.batch_conversion_id IS DISTINCT FROM OLD.batch_conversion_id
        AND (NEW.batch_conversion_id IS NULL
            AND OLD.batch_conversion_id::TEXT = CURRENT_SETTING('micro_batch.released', TRUE)) IS NOT TRUE)
    EXECUTE FUNCTION payout_accumulation_release();

-- Whether all that a failed batch holds has just been put on record by one statement. Counted and not joined: the plan
-- of a small batch stays with the session, and would go through the next, of a million, row by row.
CREATE FUNCTION released_payments_complete() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM SET_CONFIG('micro_batch.released', batch.batch_conversion_id::TEXT, TRUE)
    FROM batch_conversions AS batch
    WHERE batch.batch_conversion_id IN (SELECT batch_conversion_id FROM recorded)
        AND batch.conversion_status = 'failed'
        AND (SELECT COUNT(*) FROM payout_accumulation WHERE batch_conversion_id = batch.batch_conversion_id)
            = (SELECT COUNT(*) FROM recorded WHERE batch_conversion_id = batch.batch_conversion_id);
    RETURN NULL;
END
$$;

CREATE TRIGGER released_payments_complete AFTER INSERT ON released_payments
    REFERENCING NEW TABLE AS recorded
    FOR EACH STATEMENT
    WHEN (PG_TRIGGER_DEPTH() = 0)
    EXECUTE FUNCTION released_payments_complete();
