-- The tables as they stand before ours are installed: what `make demo` and the sandbox start from.

CREATE TABLE main_clients_database (
    closed_channel_id VARCHAR(14) PRIMARY KEY,
    payout_threshold_usd NUMERIC(10, 2) NOT NULL
);

CREATE TABLE batch_conversions (
    id SERIAL PRIMARY KEY,
    batch_conversion_id UUID NOT NULL UNIQUE,
    total_eth_usd NUMERIC(20, 8) NOT NULL,
    threshold_at_creation NUMERIC(20, 2) NOT NULL,
    cn_api_id VARCHAR(255),
    payin_address VARCHAR(255),
    conversion_status VARCHAR(20) DEFAULT 'pending',
    actual_usdt_received NUMERIC(20, 8),
    conversion_tx_hash VARCHAR(255),
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    processing_started_at TIMESTAMP,
    completed_at TIMESTAMP
);
CREATE INDEX idx_batch_conversions_status ON batch_conversions (conversion_status);
CREATE INDEX idx_batch_conversions_cn_api_id ON batch_conversions (cn_api_id);
CREATE INDEX idx_batch_conversions_created ON batch_conversions (created_at);

CREATE TABLE payout_accumulation (
    id SERIAL PRIMARY KEY,
    client_id VARCHAR(14) NOT NULL,
    user_id BIGINT NOT NULL,
    subscription_id INTEGER,
    payment_amount_usd NUMERIC(10, 2) NOT NULL,
    payment_currency VARCHAR(10) NOT NULL,
    payment_timestamp TIMESTAMP NOT NULL,
    -- While pending: US dollars after the fee; once converted: the USDT share.
    accumulated_amount_usdt NUMERIC(18, 8) NOT NULL,
    eth_to_usdt_rate NUMERIC(18, 8),
    conversion_timestamp TIMESTAMP,
    conversion_tx_hash VARCHAR(100),
    client_wallet_address VARCHAR(200) NOT NULL,
    client_payout_currency VARCHAR(10) NOT NULL,
    client_payout_network VARCHAR(50) NOT NULL,
    is_paid_out BOOLEAN DEFAULT FALSE,
    payout_batch_id VARCHAR(50),
    paid_out_at TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    conversion_status VARCHAR(50) DEFAULT 'pending',
    conversion_attempts INTEGER DEFAULT 0,
    last_conversion_attempt TIMESTAMP,
    batch_conversion_id UUID CONSTRAINT fk_batch_conversion REFERENCES batch_conversions (batch_conversion_id),
    nowpayments_payment_id VARCHAR(50),
    nowpayments_pay_address VARCHAR(255),
    nowpayments_outcome_amount NUMERIC(30, 18),
    nowpayments_network_fee NUMERIC(30, 18),
    payment_fee_usd NUMERIC(20, 8)
);
CREATE INDEX idx_payout_client ON payout_accumulation (client_id, is_paid_out);
CREATE INDEX idx_payout_batch ON payout_accumulation (payout_batch_id);
CREATE INDEX idx_payout_user ON payout_accumulation (user_id);
CREATE INDEX idx_payout_timestamp ON payout_accumulation (payment_timestamp);
CREATE INDEX idx_payout_status ON payout_accumulation (conversion_status);
CREATE INDEX idx_payout_accumulation_batch_conversion ON payout_accumulation (batch_conversion_id);
CREATE INDEX idx_payout_nowpayments_payment ON payout_accumulation (nowpayments_payment_id);
CREATE INDEX idx_payout_nowpayments_address ON payout_accumulation (nowpayments_pay_address);
