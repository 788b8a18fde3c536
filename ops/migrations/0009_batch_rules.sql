-- What the database itself refuses of a batch, whoever writes. The rules speak of batches that our own check opened
-- (opened_because tells) and of what we do to others: the old service's batches are in every state there is, and it
-- may still write them.

ALTER TABLE batch_conversions
    ADD CONSTRAINT batch_conversions_status
        CHECK (opened_because IS NULL
            OR (conversion_status IS NOT NULL
                AND conversion_status IN ('pending', 'swapping', 'completed', 'failed'))) NOT VALID,
    ADD CONSTRAINT batch_conversions_amounts
        CHECK (opened_because IS NULL
            OR (total_eth_usd > 0 AND total_eth_usd < 'Infinity'
                AND threshold_at_creation >= 0 AND threshold_at_creation < 'Infinity'
                AND (actual_usdt_received IS NULL
                    OR (actual_usdt_received > 0 AND actual_usdt_received < 'Infinity')))) NOT VALID,
    ADD CONSTRAINT batch_conversions_own_amounts
        CHECK ((amount_eth IS NULL OR (amount_eth > 0 AND amount_eth < 'Infinity'))
            AND (quoted_usdt IS NULL OR (quoted_usdt > 0 AND quoted_usdt < 'Infinity'))
            AND (deposit_eth IS NULL OR (deposit_eth >= 0 AND deposit_eth < 'Infinity'))
            AND (accepted_usdt IS NULL OR (accepted_usdt > 0 AND accepted_usdt < 'Infinity'))
            AND (late_usdt_received IS NULL OR (late_usdt_received > 0 AND late_usdt_received < 'Infinity'))
            AND questions_failed >= 0) NOT VALID,
    ADD CONSTRAINT batch_conversions_exchange_before_order
        CHECK (opened_because IS NULL
            OR (conversion_status NOT IN ('swapping', 'completed')
                AND order_prepared_at IS NULL AND task_enqueued_at IS NULL)
            OR (cn_api_id IS NOT NULL AND payin_address IS NOT NULL)) NOT VALID,
    ADD CONSTRAINT batch_conversions_completed_with_amount
        CHECK (opened_because IS NULL
            OR (conversion_status = 'completed') = (actual_usdt_received IS NOT NULL)) NOT VALID,
    ADD CONSTRAINT batch_conversions_settled_by
        CHECK (settled_by IN ('callback', 'reconciliation', 'operator')) NOT VALID;

CREATE FUNCTION batch_conversions_guard() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    paid_batch UUID;
    payment_total RECORD;
BEGIN
    IF NEW.conversion_status IS DISTINCT FROM OLD.conversion_status
        AND ((OLD.conversion_status, NEW.conversion_status) IN (
            ('pending', 'swapping'), ('pending', 'failed'), ('swapping', 'completed'), ('swapping', 'failed')))
            IS NOT TRUE
    THEN
        RAISE EXCEPTION 'batch % cannot go from % to %',
            OLD.batch_conversion_id, OLD.conversion_status, NEW.conversion_status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_conversions_transition';
    END IF;

    IF NEW.batch_conversion_id <> OLD.batch_conversion_id
        OR NEW.total_eth_usd <> OLD.total_eth_usd
        OR NEW.opened_because IS DISTINCT FROM OLD.opened_because
        OR (OLD.cn_api_id IS NOT NULL AND NEW.cn_api_id IS DISTINCT FROM OLD.cn_api_id)
        OR (OLD.payin_address IS NOT NULL AND NEW.payin_address IS DISTINCT FROM OLD.payin_address)
        OR (OLD.task_enqueued_at IS NOT NULL AND NEW.task_enqueued_at IS NULL)
        OR (OLD.conversion_status = 'completed'
            AND (NEW.actual_usdt_received, NEW.conversion_tx_hash)
                IS DISTINCT FROM (OLD.actual_usdt_received, OLD.conversion_tx_hash))
    THEN
        RAISE EXCEPTION 'batch %: its identity, total, exchange, order and settlement never change once known',
            OLD.batch_conversion_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_conversions_facts_are_final';
    END IF;

    -- The old service may have stored one exchange with two batches, and both may be settled at this moment.
    IF NEW.conversion_status = 'completed' AND OLD.conversion_status <> 'completed' AND NEW.opened_because IS NULL THEN
        PERFORM PG_ADVISORY_XACT_LOCK(HASHTEXTEXTENDED(NEW.cn_api_id, 0));
        SELECT batch_conversion_id INTO paid_batch
        FROM batch_conversions
        WHERE cn_api_id = NEW.cn_api_id AND conversion_status = 'completed'
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'batch %: what its exchange % paid out was distributed with batch % already',
                NEW.batch_conversion_id, NEW.cn_api_id, paid_batch
                USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_conversions_paid_once';
        END IF;
    END IF;

    IF NEW.conversion_status = 'completed' AND OLD.conversion_status <> 'completed' THEN
        SELECT COALESCE(SUM(accumulated_eth), 0) AS usd,
               COALESCE(SUM(accumulated_amount_usdt), 0) AS usdt,
               MIN(accumulated_amount_usdt) AS smallest_usdt,
               MAX(accumulated_amount_usdt) AS largest_usdt,
               COUNT(*) FILTER (WHERE conversion_status <> 'completed') AS unfinished
        INTO payment_total
        FROM payout_accumulation
        WHERE batch_conversion_id = NEW.batch_conversion_id;

        IF payment_total.usdt IS DISTINCT FROM NEW.actual_usdt_received
            OR payment_total.usd <> NEW.total_eth_usd
            OR payment_total.unfinished > 0
        THEN
            RAISE EXCEPTION 'batch %: its payments sum to % USDT and % dollars, % of them unfinished, not to % and %',
                NEW.batch_conversion_id, payment_total.usdt, payment_total.usd, payment_total.unfinished,
                NEW.actual_usdt_received, NEW.total_eth_usd
                USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_conversions_shares_sum';
        END IF;
        NEW.smallest_share_usdt := payment_total.smallest_usdt;
        NEW.largest_share_usdt := payment_total.largest_usdt;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER batch_conversions_guard BEFORE UPDATE ON batch_conversions
    FOR EACH ROW
    WHEN (OLD.opened_because IS NOT NULL OR NEW.opened_because IS NOT NULL
        OR NEW.settled_by IS NOT NULL OR OLD.failure_reason IS NOT NULL)
    EXECUTE FUNCTION batch_conversions_guard();

-- A batch of ours is born pending, so that its exchange, its order and its completion pass the guard above.
CREATE FUNCTION batch_conversions_birth() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'batch % cannot be inserted as %', NEW.batch_conversion_id, NEW.conversion_status
        USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_conversions_transition';
END
$$;

CREATE TRIGGER batch_conversions_birth BEFORE INSERT ON batch_conversions
    FOR EACH ROW
    WHEN (NEW.opened_because IS NOT NULL AND NEW.conversion_status IS DISTINCT FROM 'pending')
    EXECUTE FUNCTION batch_conversions_birth();

-- A batch of the old service is ordered already, when it began: it is settled or given back, never ordered again.
CREATE FUNCTION batch_conversions_adopt() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.task_enqueued_at := COALESCE(
        NEW.processing_started_at, NEW.created_at, CURRENT_TIMESTAMP AT TIME ZONE 'UTC');
    NEW.order_prepared_at := NEW.task_enqueued_at;
    RETURN NEW;
END
$$;

CREATE TRIGGER batch_conversions_adopt BEFORE INSERT OR UPDATE OF conversion_status ON batch_conversions
    FOR EACH ROW
    WHEN (NEW.opened_because IS NULL AND NEW.conversion_status = 'swapping' AND NEW.task_enqueued_at IS NULL)
    EXECUTE FUNCTION batch_conversions_adopt();

-- Written as the owner of these tables: the old service's role need not know of them. An open batch may be joined by
-- payments in the transaction that opens it (see the payments' rules), which the setting tells without a question for
-- each of a million payments; it ends with the transaction.
CREATE FUNCTION batch_conversions_audit() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO batch_state_changes (batch_conversion_id, from_status, to_status)
    VALUES (NEW.batch_conversion_id,
            CASE WHEN TG_OP = 'UPDATE' THEN OLD.conversion_status END,
            NEW.conversion_status);
    PERFORM SET_CONFIG('micro_batch.joinable', CASE
        WHEN NEW.opened_because IS NOT NULL AND NEW.conversion_status = 'pending'
            THEN NEW.batch_conversion_id::TEXT
        ELSE '' END, TRUE);
    RETURN NULL;
END
$$;

CREATE TRIGGER batch_conversions_audit_insert AFTER INSERT ON batch_conversions
    FOR EACH ROW EXECUTE FUNCTION batch_conversions_audit();

CREATE TRIGGER batch_conversions_audit_update AFTER UPDATE OF conversion_status ON batch_conversions
    FOR EACH ROW WHEN (OLD.conversion_status IS DISTINCT FROM NEW.conversion_status)
    EXECUTE FUNCTION batch_conversions_audit();

-- The same for those that are there, by the trigger above.
UPDATE batch_conversions
SET conversion_status = conversion_status
WHERE conversion_status = 'swapping' AND opened_because IS NULL AND task_enqueued_at IS NULL;
