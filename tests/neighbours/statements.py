"""What the services beside ours run on payout_accumulation, each statement with the effect that theirs has."""

from typing import Final

from sandbox.peers.gcaccumulator_inserts import INSERTS, Generation
from sandbox.peers.gcbatchprocessor import MARK, ONLY_CONVERTED, OWED

_COMMON: Final = (
    *("'new'", "7", "3", "10", "'usd'", "NOW() AT TIME ZONE 'UTC'", "'0xclient'", "'usdt'", "'eth'"),
    *("'now-1'", "'0xpay'", "0.0033"),
)


def _filled(text: str, *values: str) -> str:
    for value in values:
        text = text.replace("%s", value, 1)
    return text


OCTOBER_INSERT: Final = _filled(INSERTS[Generation.OCTOBER], *_COMMON, "0.3", "9.7")
NOVEMBER_INSERT: Final = _filled(INSERTS[Generation.NOVEMBER], *_COMMON, "0.3", "9.7")
DOCUMENT_INSERT: Final = _filled(INSERTS[Generation.DOCUMENT], *_COMMON, "9.7")

OWED_TO_CLIENTS: Final = OWED.format(only="")
OWED_IN_NOVEMBER: Final = OWED.format(only=ONLY_CONVERTED)


def mark_paid(client: str) -> str:
    """GCBatchProcessor's: every unpaid row of a client, whatever its state."""
    return _filled(MARK, "'payout-1'", f"'{client}'")


def finalize(payment: int) -> str:
    """GCAccumulator's and GCSplit2's: one row by id, with its share."""
    return (
        "UPDATE payout_accumulation SET conversion_status = 'completed', accumulated_amount_usdt = 9.61,"
        " eth_to_usdt_rate = 2500, conversion_tx_hash = '0xhash', conversion_timestamp = NOW(), updated_at = NOW()"
        f" WHERE id = {payment}"
    )


def count_attempt(payment: int) -> str:
    """GCAccumulator's and GCSplit2's: one more attempt on record."""
    return (
        "UPDATE payout_accumulation SET conversion_attempts = conversion_attempts + 1,"
        f" last_conversion_attempt = NOW(), updated_at = NOW() WHERE id = {payment}"
    )


def set_status(payment: int, status: str) -> str:
    """What the flow before batches does to a row on its way."""
    return f"UPDATE payout_accumulation SET conversion_status = '{status}', updated_at = NOW() WHERE id = {payment}"


READS: Final = (
    OWED_TO_CLIENTS,
    "SELECT id, conversion_status, accumulated_amount_usdt FROM payout_accumulation WHERE client_id = 'client-1'",
    "SELECT * FROM payout_accumulation WHERE nowpayments_payment_id = 'now-1'",
)

# GCMicroBatchProcessor's, which ours replaces: the batch after its exchange was made, then the claim, then its end.
OLD_BATCH: Final = "77777777-7777-4777-8777-777777777777"
OLD_BATCH_INSERT: Final = (
    "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, cn_api_id,"
    " payin_address, conversion_status, processing_started_at)"
    f" VALUES ('{OLD_BATCH}', 9.7, 5, 'old-exchange', '0xpayin', 'swapping', NOW() AT TIME ZONE 'UTC')"
)
OLD_CLAIM: Final = (
    f"UPDATE payout_accumulation SET conversion_status = 'swapping', batch_conversion_id = '{OLD_BATCH}',"
    " updated_at = NOW() WHERE conversion_status = 'pending'"
)


def old_finalize(batch: str, received: str) -> str:
    """GCMicroBatchProcessor's end of a batch, once its payments have their shares."""
    return (
        f"UPDATE batch_conversions SET conversion_status = 'completed', actual_usdt_received = {received},"
        f" conversion_tx_hash = '0xold', completed_at = NOW() WHERE batch_conversion_id = '{batch}'"
    )
