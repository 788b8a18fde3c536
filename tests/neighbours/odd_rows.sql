-- A row in every state that the deployed tables can hold; a batch is named by its number, its id being that number
-- repeated. What the foreign key would refuse stands in installations whose key was never checked.
SET session_replication_role = replica;

INSERT INTO batch_conversions (id, batch_conversion_id, total_eth_usd, threshold_at_creation, cn_api_id, payin_address,
    conversion_status, actual_usdt_received, conversion_tx_hash, created_at, processing_started_at, completed_at)
SELECT id, CAST(REPEAT(CAST(id AS TEXT), 32) AS UUID), total, 5, cn_api_id, payin_address, status, received, tx_hash,
    TIMESTAMP '2026-10-20 08:00' + id * INTERVAL '1 hour',
    CASE WHEN id <> 5 THEN TIMESTAMP '2026-10-20 08:05' + id * INTERVAL '1 hour' END,
    CASE WHEN status = 'completed' THEN TIMESTAMP '2026-10-20 08:30' + id * INTERVAL '1 hour' END
FROM (VALUES
    (1, 9.70, 'exchange-1', '0x1', 'completed', 9.6, '0xpaid'),
    (2, 9.70, 'exchange-2', '0x2', 'completed', NULL, NULL),         -- completed without an amount
    (3, 9.70, 'exchange-3', '0x3', 'failed', 9.6, NULL),             -- failed with one
    (4, 24.25, 'exchange-4', '0x4', 'swapping', NULL, NULL),         -- in flight, as it should be
    (5, 9.70, 'exchange-5', NULL, 'swapping', NULL, NULL),           -- without payin address and beginning
    (6, 9.70, NULL, NULL, 'swapping', NULL, NULL),                   -- without exchange
    (7, 9.70, 'exchange-1', '0x7', 'processing', NULL, NULL),        -- a status nobody knows, an exchange twice
    (8, 9.70, 'exchange-8', '0x8', NULL, NULL, NULL),
    (9, 50.00, 'exchange-9', '0x9', 'swapping', 48.5, NULL)          -- with an amount, and a total that is not its payments'
) AS batch (id, total, cn_api_id, payin_address, status, received, tx_hash);

INSERT INTO payout_accumulation (id, client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,
    accumulated_amount_usdt, conversion_status, batch_conversion_id, is_paid_out, created_at, updated_at,
    client_wallet_address, client_payout_currency, client_payout_network)
SELECT id, 'client-' || id % 3, id, 10, 'usd', TIMESTAMP '2026-10-20 08:00', dollars, status,
    CAST(REPEAT(CAST(batch AS TEXT), 32) AS UUID), is_paid_out, CAST(created_at AS TIMESTAMP),
    TIMESTAMP '2026-10-20 08:00', '0xclient', 'usdt', 'eth'
FROM (VALUES
    (1, 9.6, 'completed', NULL, TRUE, '2026-10-20 08:00'),           -- converted by itself, before batches
    (2, 9.6, 'completed', NULL, FALSE, '2026-10-20 08:00'),
    (3, 9.7, 'pending', NULL, FALSE, '2026-10-20 08:00'),            -- waits, or is being converted by itself
    (4, 9.7, 'processing', NULL, FALSE, '2026-10-20 08:00'),
    (5, 9.7, NULL, NULL, FALSE, '2026-10-20 08:00'),
    (6, 9.7, 'failed', NULL, FALSE, '2026-10-20 08:00'),
    (7, 9.7, 'swapping', NULL, FALSE, '2026-10-20 08:00'),
    (8, 9.7, 'pending', 3, FALSE, '2026-10-20 08:00'),               -- left in a batch that failed
    (9, 9.6, 'completed', 1, FALSE, '2026-10-20 08:00'),
    (10, 9.7, 'swapping', 4, FALSE, '2026-10-20 08:00'),
    (11, 14.55, 'swapping', 4, FALSE, '2026-10-20 08:00'),
    (12, 9.6, 'completed', 0, FALSE, '2026-10-20 08:00'),            -- points at no batch
    (13, 0, 'pending', NULL, FALSE, '2026-10-20 08:00'),
    (14, 19.7, 'pending', NULL, FALSE, '2026-10-20 08:00'),          -- more than was paid
    (15, 9.7, 'pending', NULL, TRUE, '2026-10-20 08:00'),
    (16, 9.7, 'pending', NULL, FALSE, NULL),
    (17, 9.7, 'pending', NULL, FALSE, '2009-01-03 18:15'),
    (18, 9.7, 'pending', NULL, FALSE, '2036-01-01 00:00'),
    (19, 9.6, 'completed', 2, FALSE, '2026-10-20 08:00'),
    (20, 9.7, 'swapping', 5, FALSE, '2026-10-20 08:00'),
    (21, 9.7, 'swapping', 6, FALSE, '2026-10-20 08:00'),
    (22, 9.7, 'swapping', 9, FALSE, '2026-10-20 08:00'),
    (23, 9.7, 'swapping', 8, FALSE, '2026-10-20 08:00'),
    (24, 9.7, 'swapping', 7, FALSE, '2026-10-20 08:00'),
    (25, 'NaN', 'pending', NULL, FALSE, '2026-10-20 08:00'),
    (26, -1, 'pending', NULL, FALSE, 'infinity')
) AS payment (id, dollars, status, batch, is_paid_out, created_at);

RESET session_replication_role;
SELECT SETVAL('batch_conversions_id_seq', 100), SETVAL('payout_accumulation_id_seq', 100);
INSERT INTO main_clients_database VALUES ('client-0', 5), ('client-1', 5), ('client-2', 5), ('new', 5);
