-- The two tables that stand where this is installed: they have rows and are written by other services. They are made
-- here only where they are missing, with all that the deployed one has; what a table that stands lacks is added next.

CREATE TABLE IF NOT EXISTS payout_accumulation (
    id SERIAL PRIMARY KEY,
    client_id VARCHAR(14) NOT NULL,
    user_id BIGINT NOT NULL,
    subscription_id INTEGER,
    payment_amount_usd NUMERIC(10, 2) NOT NULL,
    payment_currency VARCHAR(10) NOT NULL,
    payment_timestamp TIMESTAMP NOT NULL,
    accumulated_eth NUMERIC(20, 8),                -- US dollars after the TelePay fee, despite the name
    accumulated_amount_usdt NUMERIC(20, 8),        -- the same dollars, and the payment's USDT share once completed
    eth_to_usdt_rate NUMERIC(18, 8),
    conversion_timestamp TIMESTAMP,
    conversion_tx_hash VARCHAR(100),
    client_wallet_address VARCHAR(200) NOT NULL,
    client_payout_currency VARCHAR(10) NOT NULL,
    client_payout_network VARCHAR(50) NOT NULL,
    is_paid_out BOOLEAN DEFAULT FALSE,
    payout_batch_id VARCHAR(50),
    paid_out_at TIMESTAMP,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    conversion_status VARCHAR(50),
    conversion_attempts INTEGER DEFAULT 0,
    last_conversion_attempt TIMESTAMP,
    nowpayments_payment_id VARCHAR(50),
    nowpayments_pay_address VARCHAR(255),
    nowpayments_outcome_amount NUMERIC(30, 18),    -- ETH the payment brought in; may be unknown
    nowpayments_network_fee NUMERIC(30, 18),
    payment_fee_usd NUMERIC(20, 8)
);

CREATE TABLE IF NOT EXISTS batch_conversions (
    id SERIAL PRIMARY KEY,
    batch_conversion_id UUID NOT NULL UNIQUE,
    total_eth_usd NUMERIC(20, 8) NOT NULL,         -- US dollars: the exact sum of the batch's payments
    threshold_at_creation NUMERIC(20, 2) NOT NULL,
    cn_api_id VARCHAR(255),
    payin_address VARCHAR(255),
    conversion_status VARCHAR(20) DEFAULT 'pending',
    actual_usdt_received NUMERIC(20, 8),
    conversion_tx_hash VARCHAR(255)
);
