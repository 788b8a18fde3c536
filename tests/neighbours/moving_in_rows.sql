-- The installation that docs/moving-in.md tells of: three payments converted before batches, one batch of the old service
-- in flight over two, two payments that wait, and one in a state that no service knows.
INSERT INTO batch_conversions (id, batch_conversion_id, total_eth_usd, threshold_at_creation, cn_api_id, payin_address,
    conversion_status, created_at, processing_started_at)
VALUES (31, '31000000-0000-4000-8000-000000000000', 24.25, 20, 'c3f2a1b0d9e8f7', '0x1212121212121212121212121212121212121212',
    'swapping', '2026-10-26 09:15', '2026-10-26 09:15');

INSERT INTO payout_accumulation (id, client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,
    accumulated_amount_usdt, conversion_status, batch_conversion_id, is_paid_out, created_at, updated_at,
    client_wallet_address, client_payout_currency, client_payout_network)
SELECT id, 'client-1', id, amount, 'usd', '2026-10-20 08:00', dollars, status, CAST(batch AS UUID), is_paid_out,
    '2026-10-20 08:00', '2026-10-26 09:15', '0xclient', 'usdt', 'eth'
FROM (VALUES
    (101, 10, 9.62, 'completed', NULL, TRUE),
    (102, 10, 9.58, 'completed', NULL, TRUE),
    (103, 25, 24.01, 'completed', NULL, FALSE),
    (104, 10, 9.7, 'swapping', '31000000-0000-4000-8000-000000000000', FALSE),
    (105, 15, 14.55, 'swapping', '31000000-0000-4000-8000-000000000000', FALSE),
    (106, 10, 9.7, 'pending', NULL, FALSE),
    (107, 20, 19.4, 'pending', NULL, FALSE),
    (108, 10, 9.7, NULL, NULL, FALSE)
) AS payment (id, amount, dollars, status, batch, is_paid_out);

SELECT SETVAL('batch_conversions_id_seq', 31), SETVAL('payout_accumulation_id_seq', 108);
