-- What every table and column is for, where a reader of the database finds it; docs/reference/schema.md is written from these.

COMMENT ON TABLE payout_accumulation IS
    'One payment of a client. The table is shared: other services insert payments and pay them out.';
COMMENT ON COLUMN payout_accumulation.id IS 'Breaks ties of age: the lower one is the older payment.';
COMMENT ON COLUMN payout_accumulation.client_id IS 'The client that is owed the USDT.';
COMMENT ON COLUMN payout_accumulation.payment_amount_usd IS
    'What the user paid; the dollars after the fee are never more than a cent above it.';
COMMENT ON COLUMN payout_accumulation.accumulated_eth IS
    'US DOLLARS after the fee, despite the name: the weight in its batch, never changed once claimed.';
COMMENT ON COLUMN payout_accumulation.accumulated_amount_usdt IS
    'While pending the same dollars (another service sums them); once completed the share in USDT.';
COMMENT ON COLUMN payout_accumulation.conversion_status IS
    'pending, swapping (in a batch) or completed; failed and others belong to other services.';
COMMENT ON COLUMN payout_accumulation.conversion_tx_hash IS 'The transaction that its batch was settled with.';
COMMENT ON COLUMN payout_accumulation.batch_conversion_id IS
    'The batch that holds it; empty again when that batch failed.';
COMMENT ON COLUMN payout_accumulation.is_conversion_complete IS 'TRUE once a share is written.';
COMMENT ON COLUMN payout_accumulation.is_paid_out IS
    'Set by the batch processor; a payment that is paid out is never claimed.';
COMMENT ON COLUMN payout_accumulation.nowpayments_outcome_amount IS
    'The ETH that it brought in, where known; it then counts with that and not with an estimate.';
COMMENT ON COLUMN payout_accumulation.created_at IS 'UTC. The oldest payments are claimed first.';

COMMENT ON TABLE batch_conversions IS
    'One batch: payments that were claimed together, and the one swap made for them. Times are UTC.';
COMMENT ON COLUMN batch_conversions.id IS
    'The number by which people name it (#2), and the order in which batches were opened.';
COMMENT ON COLUMN batch_conversions.batch_conversion_id IS
    'The name by which services know it; the order is a task named after it.';
COMMENT ON COLUMN batch_conversions.total_eth_usd IS 'US DOLLARS despite the name: the exact sum of its payments.';
COMMENT ON COLUMN batch_conversions.threshold_at_creation IS 'The threshold that was in force, in US dollars.';
COMMENT ON COLUMN batch_conversions.cn_api_id IS 'ChangeNow''s exchange; stored before anybody is told to pay it.';
COMMENT ON COLUMN batch_conversions.payin_address IS 'Where the ETH is to be sent.';
COMMENT ON COLUMN batch_conversions.conversion_status IS
    'pending (claimed, no exchange), swapping (exchange stored), completed or failed.';
COMMENT ON COLUMN batch_conversions.actual_usdt_received IS
    'What arrived, as ChangeNow says; the shares of its payments sum to it.';
COMMENT ON COLUMN batch_conversions.conversion_tx_hash IS
    'The transaction of the settlement, as the callback or ChangeNow told it.';
COMMENT ON COLUMN batch_conversions.created_at IS 'When it was opened and its payments claimed.';
COMMENT ON COLUMN batch_conversions.processing_started_at IS 'When its exchange was stored.';
COMMENT ON COLUMN batch_conversions.completed_at IS 'When the shares were written.';
COMMENT ON COLUMN batch_conversions.opened_because IS
    'Why our check opened it; empty for a batch of the service before ours, which is never ordered.';
COMMENT ON COLUMN batch_conversions.payments_count IS 'How many payments it claimed.';
COMMENT ON COLUMN batch_conversions.amount_eth IS 'The ETH to be sent, rounded down to eight decimals.';
COMMENT ON COLUMN batch_conversions.quoted_usdt IS 'What ChangeNow estimated for it.';
COMMENT ON COLUMN batch_conversions.quoted_at IS 'When; a quote that has aged is made anew before the order.';
COMMENT ON COLUMN batch_conversions.deposit_fee_eth IS
    'ChangeNow''s fee for the deposit, as the quote told it; empty where that told none.';
COMMENT ON COLUMN batch_conversions.withdrawal_fee_usdt IS
    'ChangeNow''s fee for the payout, likewise. Both are paid once a swap, whatever its size.';
COMMENT ON COLUMN batch_conversions.minimum_eth IS 'The least that ChangeNow took at the quote.';
COMMENT ON COLUMN batch_conversions.market_usdt_per_eth IS
    'The market''s rate, found between ChangeNow''s quotes in either direction.';
COMMENT ON COLUMN batch_conversions.order_prepared_at IS 'From here on an order may be out: written before it is sent.';
COMMENT ON COLUMN batch_conversions.order_number IS
    'Which order it was, counted over all batches; an intent taken back and made again counts anew.';
COMMENT ON COLUMN batch_conversions.task_enqueued_at IS
    'From here on an order is out: Cloud Tasks has it. It is never sent again.';
COMMENT ON COLUMN batch_conversions.exchange_status IS 'ChangeNow''s last word.';
COMMENT ON COLUMN batch_conversions.exchange_asked_at IS 'When ChangeNow gave it.';
COMMENT ON COLUMN batch_conversions.reconcile_after IS 'When ChangeNow is to be asked next.';
COMMENT ON COLUMN batch_conversions.questions_failed IS
    'How many questions in a row got no answer: the next is asked the later.';
COMMENT ON COLUMN batch_conversions.stuck_reported_at IS 'When it was first named as stuck.';
COMMENT ON COLUMN batch_conversions.deposit_eth IS 'The ETH that reached ChangeNow (amountFrom).';
COMMENT ON COLUMN batch_conversions.payin_hash IS 'The transaction of the deposit.';
COMMENT ON COLUMN batch_conversions.deposit_lost_at IS 'When a deposit ended without a payout.';
COMMENT ON COLUMN batch_conversions.refused_usdt IS
    'An amount that arrived and was not distributed, being too far from what the payments are worth.';
COMMENT ON COLUMN batch_conversions.refused_at IS 'When it was first seen.';
COMMENT ON COLUMN batch_conversions.accepted_usdt IS 'The amount that an operator accepted by name.';
COMMENT ON COLUMN batch_conversions.amount_accepted_at IS 'When.';
COMMENT ON COLUMN batch_conversions.late_usdt_received IS 'What arrived after the batch had been given up.';
COMMENT ON COLUMN batch_conversions.late_seen_at IS 'When that was seen.';
COMMENT ON COLUMN batch_conversions.settled_by IS 'callback, reconciliation or operator.';
COMMENT ON COLUMN batch_conversions.smallest_share_usdt IS
    'The least that one of its payments got, as the rule on the shares'' sum read it when the batch was completed.';
COMMENT ON COLUMN batch_conversions.largest_share_usdt IS 'The most.';
COMMENT ON COLUMN batch_conversions.failure_reason IS 'Why it was given up.';

COMMENT ON TABLE threshold_checks IS 'One row for every check, whatever it decided.';
COMMENT ON COLUMN threshold_checks.checked_at IS 'When.';
COMMENT ON COLUMN threshold_checks.pending_usd IS
    'What waited, in US dollars; empty where the check did not come to count.';
COMMENT ON COLUMN threshold_checks.pending_payments IS 'How many payments that were.';
COMMENT ON COLUMN threshold_checks.oldest_pending_at IS 'When the oldest of them came in.';
COMMENT ON COLUMN threshold_checks.oldest_pending_age_s IS 'How long it had waited, in seconds.';
COMMENT ON COLUMN threshold_checks.unclaimable_payments IS 'How many payments no check may claim.';
COMMENT ON COLUMN threshold_checks.unclaimable_by_reason IS 'The same by reason: a JSON object of counts.';
COMMENT ON COLUMN threshold_checks.threshold_usd IS 'The threshold in force, in US dollars.';
COMMENT ON COLUMN threshold_checks.threshold_source IS 'secret, last_valid, newest_batch or default.';
COMMENT ON COLUMN threshold_checks.policy IS
    'The policy in force: a JSON object, empty where the secret was known to be absent.';
COMMENT ON COLUMN threshold_checks.swap_cost_usd IS
    'The fixed cost of a swap that the policy''s cost_ratio went by; empty without that rule, or where none was known.';
COMMENT ON COLUMN threshold_checks.refused_quote_usdt IS
    'The USDT of the quote that the guard refused; empty where it refused none.';
COMMENT ON COLUMN threshold_checks.forced IS 'Whether an operator forced it.';
COMMENT ON COLUMN threshold_checks.decision IS 'open or wait.';
COMMENT ON COLUMN threshold_checks.reason IS 'Why, in one of the words of Reason.';
COMMENT ON COLUMN threshold_checks.batch_conversion_id IS 'The first batch that it opened.';
COMMENT ON COLUMN threshold_checks.batches_opened IS 'How many it opened.';
COMMENT ON COLUMN threshold_checks.fence_number IS
    'The newest order by the fence''s word; empty where it was not read. Once read, a fence that is gone is missed.';

COMMENT ON TABLE batch_events IS
    'What is told to others of a batch, in the transaction of the change; published at least once.';
COMMENT ON COLUMN batch_events.event IS 'What happened.';
COMMENT ON COLUMN batch_events.data IS 'The facts: a JSON object, amounts as strings.';
COMMENT ON COLUMN batch_events.occurred_at IS 'When it happened.';
COMMENT ON COLUMN batch_events.published_at IS 'When Pub/Sub took it; empty until then.';

COMMENT ON TABLE batch_state_changes IS
    'Who moved a batch from which state to which: written by a trigger, never changed.';
COMMENT ON COLUMN batch_state_changes.from_status IS 'Empty for its birth.';
COMMENT ON COLUMN batch_state_changes.to_status IS 'Empty where the service before ours wrote none.';
COMMENT ON COLUMN batch_state_changes.changed_by IS 'The database role.';
COMMENT ON COLUMN batch_state_changes.application IS 'The application_name of the session.';

COMMENT ON TABLE released_payments IS 'What a failed batch held, written as its payments left it; never changed.';
COMMENT ON COLUMN released_payments.batch_conversion_id IS 'The batch that failed.';
COMMENT ON COLUMN released_payments.payment_id IS 'The payment that left it.';
COMMENT ON COLUMN released_payments.amount_usd IS 'Its dollars.';
COMMENT ON COLUMN released_payments.released_at IS 'When, in UTC.';

COMMENT ON TABLE operator_acts IS 'What a person did that changed the course of money; never changed.';
COMMENT ON COLUMN operator_acts.act IS 'The verb.';
COMMENT ON COLUMN operator_acts.batch_conversion_id IS 'The batch that it was about, if one.';
COMMENT ON COLUMN operator_acts.by_whom IS 'The operator, by --by or the login.';
COMMENT ON COLUMN operator_acts.why IS 'The reason given.';
COMMENT ON COLUMN operator_acts.detail IS 'What the act was given and what it found: a JSON object.';

COMMENT ON TABLE batch_reconciliations IS
    'What was last found of a batch by comparing ours, ChangeNow''s word and the chain.';
COMMENT ON COLUMN batch_reconciliations.verdict IS
    'matched (also where a person has dealt with what differs), open (not at its end yet) or differs.';
COMMENT ON COLUMN batch_reconciliations.is_chain_asked IS 'Whether the chain was asked, or two of three compared.';
COMMENT ON COLUMN batch_reconciliations.reconciled_at IS 'When.';
COMMENT ON COLUMN batch_reconciliations.deposit_hash IS 'The deposit''s transaction.';
COMMENT ON COLUMN batch_reconciliations.deposited_eth IS 'What it sent, by the chain.';
COMMENT ON COLUMN batch_reconciliations.deposit_gas_eth IS 'What its gas cost, by its receipt.';
COMMENT ON COLUMN batch_reconciliations.payout_hash IS 'The payout''s transaction.';
COMMENT ON COLUMN batch_reconciliations.payout_log_index IS 'Which of its block''s logs is the transfer to our wallet.';
COMMENT ON COLUMN batch_reconciliations.paid_out_usdt IS 'What it transferred, by the chain.';

COMMENT ON TABLE cut_over_decisions IS
    'From which instant on pending payments are ours; the newest decision holds. Never changed.';
COMMENT ON COLUMN cut_over_decisions.ours_from IS
    'UTC; payments that came in before it are counted apart and never claimed.';
COMMENT ON COLUMN cut_over_decisions.decided_by IS 'The operator.';
COMMENT ON COLUMN cut_over_decisions.why IS 'The reason given.';

COMMENT ON TABLE micro_batch_installation IS 'What was there when we were first installed: one row.';
COMMENT ON COLUMN micro_batch_installation.waiting_payments IS
    'Pending payments of that moment; where there are any, an operator decides first.';
COMMENT ON COLUMN micro_batch_installation.waiting_usd IS 'What they were together.';

COMMENT ON TABLE schema_migrations IS 'The migrations that were applied.';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of the file; a file that was changed afterwards is refused.';

COMMENT ON VIEW batchable_payments IS 'Payments that may be claimed, whatever time ahead they carry.';
COMMENT ON VIEW claimable_payments IS
    'Payments that a check may claim now, with their dollars and, where known, their ETH.';
COMMENT ON VIEW unclaimable_payments IS 'Payments that no check may claim now, each with its reason.';
COMMENT ON VIEW cut_over IS 'The decision in force, and whether one is wanted: one row.';
COMMENT ON VIEW batch_costs IS
    'What each swap costs in dollars, as its quote and the chain told it; empty where they told nothing.';
COMMENT ON COLUMN batch_costs.usdt_per_eth IS 'What an ETH counts with: the market''s rate, else the quote''s own.';
COMMENT ON COLUMN batch_costs.quoted_fees_usd IS 'Both network fees, as the quote told them.';
COMMENT ON COLUMN batch_costs.deposit_gas_eth IS
    'The gas of the deposit as paid; empty until a reconciliation has asked the chain.';
COMMENT ON COLUMN batch_costs.deposit_gas_usd IS 'The same, at the batch''s own rate.';
COMMENT ON COLUMN batch_costs.fixed_cost_usd IS
    'K: what the swap costs whatever its size: both fees, and the gas where it is known.';
COMMENT ON COLUMN batch_costs.minimum_usd IS 'The least that ChangeNow took: a smaller payment cannot be converted alone.';
COMMENT ON COLUMN batch_costs.spread_usd IS 'What ChangeNow keeps of the amount beside the fees; no batching saves it.';

COMMENT ON VIEW accounted_payments IS 'Payments as the books count them: when each came in and was completed.';
COMMENT ON COLUMN accounted_payments.came_in_at IS 'When it came in, and no later than it was completed.';
COMMENT ON COLUMN accounted_payments.completed_at IS 'When its batch was completed; empty while it waits.';
COMMENT ON COLUMN accounted_payments.share_usdt IS 'What it got; empty while it waits.';
COMMENT ON COLUMN accounted_payments.is_accounted IS 'Whether it has dollars and times by which a month can hold it.';

COMMENT ON TABLE month_closes IS 'A month''s books as they were closed; closing it again tells what changed since. Never changed.';
COMMENT ON COLUMN month_closes.month IS 'The first day of the month.';
COMMENT ON COLUMN month_closes.by_whom IS 'The operator, by --by or the login.';
COMMENT ON COLUMN month_closes.why IS 'The reason given.';
COMMENT ON COLUMN month_closes.sums IS 'The figures of that moment: a JSON object, amounts as strings.';
COMMENT ON COLUMN month_closes.digest IS 'Stands for the figures and for every batch completed in the month, with its payments.';
