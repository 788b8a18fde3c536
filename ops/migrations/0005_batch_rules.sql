-- What the database itself refuses, whoever writes: a batch in an unknown state, with impossible amounts, ordered
-- before its exchange is stored, moved backwards, or completed with shares that do not sum to what was received.

ALTER TABLE batch_conversions
    ADD CONSTRAINT batch_conversions_status
        CHECK (conversion_status IS NOT NULL
            AND conversion_status IN ('pending', 'swapping', 'completed', 'failed')),
    ADD CONSTRAINT batch_conversions_amounts
        CHECK (total_eth_usd > 0 AND total_eth_usd < 'Infinity'
            AND threshold_at_creation >= 0 AND threshold_at_creation < 'Infinity'
            AND (amount_eth IS NULL OR (amount_eth > 0 AND amount_eth < 'Infinity'))
            AND (quoted_usdt IS NULL OR (quoted_usdt > 0 AND quoted_usdt < 'Infinity'))
            AND (actual_usdt_received IS NULL
                OR (actual_usdt_received > 0 AND actual_usdt_received < 'Infinity'))),
    ADD CONSTRAINT batch_conversions_exchange_before_order
        CHECK ((conversion_status NOT IN ('swapping', 'completed')
                AND order_prepared_at IS NULL AND task_enqueued_at IS NULL)
            OR (cn_api_id IS NOT NULL AND payin_address IS NOT NULL)),
    ADD CONSTRAINT batch_conversions_completed_with_amount
        CHECK ((conversion_status = 'completed') = (actual_usdt_received IS NOT NULL)),
    ADD CONSTRAINT batch_conversions_settled_by
        CHECK (settled_by IN ('callback', 'reconciliation', 'operator'));

CREATE FUNCTION batch_conversions_guard() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    payment_total RECORD;
BEGIN
    IF NEW.conversion_status IS DISTINCT FROM OLD.conversion_status
        AND (OLD.conversion_status, NEW.conversion_status) NOT IN (
            ('pending', 'swapping'), ('pending', 'failed'), ('swapping', 'completed'), ('swapping', 'failed'))
    THEN
        RAISE EXCEPTION 'batch % cannot go from % to %',
            OLD.batch_conversion_id, OLD.conversion_status, NEW.conversion_status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_conversions_transition';
    END IF;

    IF NEW.batch_conversion_id <> OLD.batch_conversion_id
        OR NEW.total_eth_usd <> OLD.total_eth_usd
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

    IF NEW.conversion_status = 'completed' AND OLD.conversion_status <> 'completed' THEN
        SELECT COALESCE(SUM(accumulated_eth), 0) AS usd,
               COALESCE(SUM(accumulated_amount_usdt), 0) AS usdt,
               COUNT(*) FILTER (WHERE conversion_status <> 'completed') AS unfinished
        INTO payment_total
        FROM payout_accumulation
        WHERE batch_conversion_id = NEW.batch_conversion_id;

        IF payment_total.usdt <> NEW.actual_usdt_received
            OR payment_total.usd <> NEW.total_eth_usd
            OR payment_total.unfinished > 0
        THEN
            RAISE EXCEPTION 'batch %: its payments sum to % USDT and % dollars, % of them unfinished, not to % and %',
                NEW.batch_conversion_id, payment_total.usdt, payment_total.usd, payment_total.unfinished,
                NEW.actual_usdt_received, NEW.total_eth_usd
                USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_conversions_shares_sum';
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER batch_conversions_guard BEFORE UPDATE ON batch_conversions
    FOR EACH ROW EXECUTE FUNCTION batch_conversions_guard();

-- A batch is born pending, so that completion always passes the guard above.
CREATE FUNCTION batch_conversions_birth() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'batch % cannot be inserted as %', NEW.batch_conversion_id, NEW.conversion_status
        USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_conversions_transition';
END
$$;

CREATE TRIGGER batch_conversions_birth BEFORE INSERT ON batch_conversions
    FOR EACH ROW WHEN (NEW.conversion_status = 'completed')
    EXECUTE FUNCTION batch_conversions_birth();

CREATE FUNCTION batch_conversions_audit() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO batch_state_changes (batch_conversion_id, from_status, to_status)
    VALUES (NEW.batch_conversion_id,
            CASE WHEN TG_OP = 'UPDATE' THEN OLD.conversion_status END,
            NEW.conversion_status);
    RETURN NULL;
END
$$;

CREATE TRIGGER batch_conversions_audit_insert AFTER INSERT ON batch_conversions
    FOR EACH ROW EXECUTE FUNCTION batch_conversions_audit();

CREATE TRIGGER batch_conversions_audit_update AFTER UPDATE OF conversion_status ON batch_conversions
    FOR EACH ROW WHEN (OLD.conversion_status IS DISTINCT FROM NEW.conversion_status)
    EXECUTE FUNCTION batch_conversions_audit();

CREATE FUNCTION batch_state_changes_append_only() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'batch_state_changes is append-only'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_state_changes_append_only';
END
$$;

CREATE TRIGGER batch_state_changes_append_only BEFORE UPDATE OR DELETE ON batch_state_changes
    FOR EACH ROW EXECUTE FUNCTION batch_state_changes_append_only();
