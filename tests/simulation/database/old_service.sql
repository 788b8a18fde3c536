-- What stands in the deployed tables when ours moves in: the old service's batches and payments, in good states and odd
-- ones. A batch's id is its number repeated; its exchange, where ChangeNow knows one, is told of in old_service.py. What
-- the foreign key would refuse stands in installations whose key was never checked.
SET session_replication_role = replica;

INSERT INTO batch_conversions (id, batch_conversion_id, total_eth_usd, threshold_at_creation, cn_api_id, payin_address,
    conversion_status, actual_usdt_received, conversion_tx_hash, created_at, processing_started_at, completed_at)
SELECT id, CAST(REPEAT(LPAD(CAST(id AS TEXT), 2, '0'), 16) AS UUID), total, 20, exchange,
    '0x' || REPEAT(LPAD(CAST(id AS TEXT), 2, '0'), 20), status, received, tx_hash,
    TIMESTAMP '2026-01-01' - age, TIMESTAMP '2026-01-01' - age,
    CASE WHEN status = 'completed' THEN TIMESTAMP '2026-01-01' - age + INTERVAL '30 minutes' END
FROM (VALUES
    (1, 24.25, 'old-1', 'completed', 24.1, '0xold1', INTERVAL '2 days'),
    (2, 24.25, 'old-2', 'swapping', NULL, NULL, INTERVAL '10 minutes'),    -- goes on; its callback comes to ours
    (3, 19.40, 'old-3', 'swapping', NULL, NULL, INTERVAL '3 hours'),       -- sent back
    (4, 9.70, 'old-4', 'swapping', NULL, NULL, INTERVAL '5 hours'),        -- paid out; its callback was lost
    (5, 9.70, NULL, 'swapping', NULL, NULL, INTERVAL '1 day'),             -- nobody knows its exchange
    (6, 50.00, 'old-6', 'swapping', NULL, NULL, INTERVAL '1 day'),         -- its payments are not its total
    (7, 9.70, 'old-1', 'processing', NULL, NULL, INTERVAL '2 days'),       -- a status nobody knows, an exchange twice
    (8, 9.70, 'old-8', NULL, NULL, NULL, INTERVAL '2 days'),
    (9, 9.70, NULL, 'failed', NULL, NULL, INTERVAL '2 days'),
    (10, 9.70, NULL, 'pending', NULL, NULL, INTERVAL '1 day')              -- begun, and never brought to an exchange
) AS batch (id, total, exchange, status, received, tx_hash, age);

INSERT INTO payout_accumulation (id, client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,
    accumulated_amount_usdt, conversion_status, batch_conversion_id, is_paid_out, created_at, updated_at,
    client_wallet_address, client_payout_currency, client_payout_network)
SELECT id, 'old-client', id, paid, 'eth', TIMESTAMP '2025-12-29', dollars, status,
    CAST(REPEAT(LPAD(CAST(batch AS TEXT), 2, '0'), 16) AS UUID), is_paid_out,
    CAST(created_at AS TIMESTAMP), TIMESTAMP '2025-12-30', '0xold', 'usdt', 'eth'
FROM (VALUES
    (1, 10, 9.6, 'completed', NULL, TRUE, '2025-12-29'),           -- converted by itself, before batches
    (2, 10, 9.6, 'completed', NULL, FALSE, '2025-12-29'),
    (3, 15, 14.46, 'completed', 1, FALSE, '2025-12-29'),
    (4, 10, 9.64, 'completed', 1, FALSE, '2025-12-29'),
    (5, 15, 14.55, 'swapping', 2, FALSE, '2025-12-31 23:00'),
    (6, 10, 9.7, 'swapping', 2, FALSE, '2025-12-31 23:10'),
    (7, 10, 9.7, 'swapping', 3, FALSE, '2025-12-31 20:00'),
    (8, 10, 9.7, 'swapping', 3, FALSE, '2025-12-31 20:10'),
    (9, 10, 9.7, 'swapping', 4, FALSE, '2025-12-31 18:00'),
    (10, 10, 9.7, 'swapping', 5, FALSE, '2025-12-30 18:00'),
    (11, 10, 9.7, 'swapping', 6, FALSE, '2025-12-30 18:00'),
    (12, 10, 9.7, NULL, NULL, FALSE, '2025-12-29'),
    (13, 10, 9.7, 'processing', NULL, FALSE, '2025-12-29'),
    (14, 10, 9.7, 'failed', NULL, FALSE, '2025-12-29'),
    (15, 10, 9.7, 'swapping', NULL, FALSE, '2025-12-29'),          -- in no batch
    (16, 10, 9.7, 'pending', 9, FALSE, '2025-12-29'),              -- left in a batch that failed
    (17, 10, 9.7, 'pending', NULL, FALSE, '2025-12-29'),           -- these three wait
    (18, 15, 14.55, 'pending', NULL, FALSE, '2025-12-31 22:00'),
    (19, 20, 19.4, 'pending', NULL, FALSE, '2025-12-31 23:55'),
    (20, 10, 9.7, 'pending', NULL, TRUE, '2025-12-29'),
    (21, 10, 'NaN', 'pending', NULL, FALSE, '2025-12-29'),
    (22, 10, 9.7, 'pending', NULL, FALSE, NULL),
    (23, 10, 19.7, 'pending', NULL, FALSE, '2025-12-29'),          -- more than was paid
    (24, 10, 9.7, 'pending', NULL, FALSE, '2036-01-01'),
    (25, 10, 9.7, 'swapping', 10, FALSE, '2025-12-30'),
    (26, 10, 9.7, 'swapping', 7, FALSE, '2025-12-29'),
    (27, 10, 9.6, 'completed', 99, FALSE, '2025-12-29')            -- points at no batch
) AS payment (id, paid, dollars, status, batch, is_paid_out, created_at);

RESET session_replication_role;
SELECT SETVAL('batch_conversions_id_seq', 10), SETVAL('payout_accumulation_id_seq', 27);
