"""The table that is measured on: a long history, and payments at its end that are new in every turn."""

import random
import uuid
from decimal import Decimal
from typing import Any, Final

from pg8000.dbapi import Connection

from sandbox.postgres.session import open_session
from shared.outside.connection import PLANS
from tests.rig import run

HISTORY_BATCHES: Final = 500
HISTORY_STEPS: Final = 10
PRICE_USD: Final = Decimal(3000)

# Amounts of up to 50 dollars with eight random decimals: what is left over of a distribution is spread over all of
# its payments, which is the costly case. Every second payment knows its ETH; clients' addresses are of several chains.
# Written as the deployed GCAccumulator does: the dollars in accumulated_amount_usdt, the weight left to the trigger.
_INSERT: Final = """
INSERT INTO payout_accumulation (
    client_id, user_id, subscription_id, payment_amount_usd, payment_currency, payment_timestamp,
    accumulated_amount_usdt, client_wallet_address, client_payout_currency, client_payout_network,
    nowpayments_payment_id, nowpayments_pay_address, nowpayments_outcome_amount, created_at, updated_at)
SELECT
    'client-' || n %% 997, n, n %% 2000, dollars, 'eth', paid_at, dollars,
    left(repeat(md5(CAST(n AS text)), 2), address_length), 'usdt', 'eth', CAST(5000000000 + n AS text),
    '0x' || md5(CAST(-n AS text)) || '00000000',
    CASE WHEN n %% 2 = 0 THEN ROUND(dollars / {price}, 18) END,
    paid_at, paid_at
FROM (
    SELECT
        n,
        ROUND(CAST(0.01 + random() * 49.99 AS numeric), 8) AS dollars,
        CAST(%s AS timestamp) + n * INTERVAL '1 second' AS paid_at,
        (ARRAY[34, 42, 44, 62])[CAST(floor(1 + random() * 4) AS integer)] AS address_length
    FROM generate_series(CAST(%s AS bigint), CAST(%s AS bigint)) AS n
) AS payment
""".replace("{price}", str(PRICE_USD))

# The history's payments take all later steps as well: where its rows lie, and which holes they leave in their pages,
# decides where the next batch's rows lie. Rows of one size, merely inserted, would leave a hole for one in every page.
_CLAIM_HISTORY: Final = (
    "UPDATE payout_accumulation SET conversion_status = 'swapping', updated_at = created_at,"
    " batch_conversion_id = (CAST(%s AS uuid[]))[1 + user_id * %s / %s],"
    " accumulated_eth = accumulated_amount_usdt WHERE id > %s"  # which the trigger does where it is not set aside
)
_COMPLETE_HISTORY: Final = (
    "UPDATE payout_accumulation SET conversion_status = 'completed', accumulated_amount_usdt = accumulated_eth,"
    " is_conversion_complete = TRUE, conversion_tx_hash = '0x' || repeat('ab', 32) WHERE id > %s"
)
_PAY_OUT_HISTORY: Final = (
    "UPDATE payout_accumulation SET is_paid_out = TRUE, payout_batch_id = 'payout-' || user_id / 50,"
    " paid_out_at = created_at WHERE id > %s"
)

_BATCH: Final = (
    "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, conversion_status,"
    " opened_because, payments_count, amount_eth, quoted_usdt, quoted_at, cn_api_id, payin_address, order_prepared_at,"
    " task_enqueued_at, actual_usdt_received, settled_by, completed_at)"
    " VALUES (CAST(%s AS uuid), CAST(%s AS numeric), 20, CAST(%s AS varchar), 'threshold_reached', %s, 1, 1,"
    " NOW() AT TIME ZONE 'UTC', %s, %s, NOW() AT TIME ZONE 'UTC', NOW() AT TIME ZONE 'UTC', %s, 'callback', NULL)"
)


def plan_as_functions_do(session: Connection) -> None:
    """Give a limit's session the planner's settings that the functions' sessions have."""
    for name, value in PLANS.items():
        run(session, f"SET {name} = {value}")


class Payments:
    """A session with the database in which rules and triggers may be set aside to furnish it, never to measure."""

    def __init__(self, url: str) -> None:
        self._connection = open_session(url)
        self._history_last_id = 0
        self.sql("SET application_name = 'bench'")
        plan_as_functions_do(self._connection)

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def sql(self, text: str, *parameters: Any) -> list[dict[str, Any]]:
        """Run a statement."""
        return run(self._connection, text, *parameters)

    def value(self, text: str, *parameters: Any) -> Any:
        """Run a statement that gives one value."""
        return next(iter(self.sql(text, *parameters)[0].values()))

    def add_history(self, payments: int) -> None:
        """Fill the table with payments of batches long completed, vacuumed as often as a tenth of it has come."""
        batches = [str(uuid.UUID(int=random.getrandbits(128), version=4)) for _ in range(HISTORY_BATCHES)]
        self.set_rules_aside()
        for batch in batches:
            self.sql(_BATCH, batch, 1, "completed", payments // HISTORY_BATCHES, f"h{batch[:13]}", "0xpayin", 1)
        at_once = max(1, payments // HISTORY_STEPS)
        for first in range(0, payments, at_once):
            self.sql(_INSERT, "2024-01-01", first, min(first + at_once, payments) - 1)
            self.sql(_CLAIM_HISTORY, batches, HISTORY_BATCHES, payments, self._history_last_id)
            self.sql(_COMPLETE_HISTORY, self._history_last_id)
            self.sql(_PAY_OUT_HISTORY, self._history_last_id)
            self._history_last_id = self.value("SELECT MAX(id) FROM payout_accumulation")
            self.settle_down()
        self.obey_rules()

    def set_rules_aside(self) -> None:
        """Let no trigger fire for what this session writes."""
        self.sql("SET session_replication_role = replica")

    def obey_rules(self) -> None:
        """Be a session as any other again."""
        self.sql("RESET session_replication_role")

    def add_pending(self, payments: int) -> None:
        """Add payments that wait to be claimed, and let the server catch up."""
        self.insert_pending(payments)
        self.settle_down()

    def insert_pending(self, payments: int) -> None:
        """Add payments that wait to be claimed."""
        self.sql(_INSERT, "2026-01-01", 0, payments - 1)

    def remove(self) -> None:
        """Take all but the history out of the table, so that it is as long as it was, and end the batches."""
        self.set_rules_aside()
        self.sql("DELETE FROM payout_accumulation WHERE id > %s", self._history_last_id)
        self.sql(
            "UPDATE batch_conversions SET conversion_status = 'failed', actual_usdt_received = NULL WHERE id > %s",
            HISTORY_BATCHES,
        )
        self.obey_rules()
        self.settle_down()

    def renew(self) -> None:
        """Put as many new payments that wait in the place of all but the history."""
        payments = self.value("SELECT COUNT(*) FROM payout_accumulation WHERE id > %s", self._history_last_id)
        self.remove()
        self.add_pending(payments)

    def open_batch(self, cn_api_id: str, payin_address: str) -> dict[str, Any]:
        """Put all pending payments into a batch that waits for its callback, as a claim would."""
        batch = str(uuid.uuid4())
        total_usd = self.value("SELECT SUM(amount_usd) FROM claimable_payments")
        self.sql("BEGIN")
        self.sql(_BATCH, batch, total_usd, "pending", 0, cn_api_id, payin_address, None)
        self.sql(
            "UPDATE batchable_payments SET conversion_status = 'swapping', batch_conversion_id = CAST(%s AS uuid)",
            batch,
        )
        self.sql(
            "UPDATE batch_conversions SET conversion_status = 'swapping' WHERE batch_conversion_id = CAST(%s AS uuid)",
            batch,
        )
        self.sql("COMMIT")
        return self.batch(batch)

    def pass_grace_time(self, batch: str) -> None:
        """Let a batch's order be an hour old, so that the next check asks ChangeNow about it."""
        self.sql(
            "UPDATE batch_conversions SET task_enqueued_at = task_enqueued_at - INTERVAL '1 hour',"
            " order_prepared_at = order_prepared_at - INTERVAL '1 hour' WHERE batch_conversion_id = %s",
            batch,
        )

    def batch(self, batch: str) -> dict[str, Any]:
        """Read a batch."""
        return self.sql("SELECT * FROM batch_conversions WHERE batch_conversion_id = CAST(%s AS uuid)", batch)[0]

    def newest_batch(self) -> dict[str, Any]:
        """Read the batch that was opened last."""
        return self.sql("SELECT * FROM batch_conversions ORDER BY id DESC LIMIT 1")[0]

    def settle_down(self) -> None:
        """Do now what the server would do at some time: clear dead rows, write out what has changed."""
        self.sql("VACUUM (ANALYZE) payout_accumulation")
        self.sql("VACUUM (ANALYZE) batch_conversions")
        self.sql("CHECKPOINT")
