"""How a payment is stored as pending: as deployed, by the successor, and as the architecture document has it."""

from enum import StrEnum
from typing import Final

COMMON: Final = """
    client_id, user_id, subscription_id, payment_amount_usd, payment_currency, payment_timestamp,
    client_wallet_address, client_payout_currency, client_payout_network, nowpayments_payment_id,
    nowpayments_pay_address, nowpayments_outcome_amount"""
VALUES: Final = """
    %s, %s, CAST(%s AS INTEGER), %s, %s, %s, %s, %s, %s, CAST(%s AS VARCHAR), CAST(%s AS VARCHAR),
    CAST(%s AS NUMERIC)"""


class Generation(StrEnum):
    """Whose insert it is."""

    OCTOBER = "october"
    """In production: dollars into accumulated_amount_usdt, never accumulated_eth."""
    NOVEMBER = "november"
    """Being rolled out: dollars into accumulated_eth alone, the status by default."""
    DOCUMENT = "document"
    """The architecture document's: dollars into accumulated_eth, status pending."""


def _insert(more_columns: str, more_values: str) -> str:
    return f"INSERT INTO payout_accumulation ({COMMON}, {more_columns}) VALUES ({VALUES}, {more_values}) RETURNING id"  # noqa: S608  # all of it is written here


INSERTS: Final = {
    Generation.OCTOBER: _insert("payment_fee_usd, accumulated_amount_usdt, conversion_status", "%s, %s, 'pending'"),
    Generation.NOVEMBER: _insert("payment_fee_usd, accumulated_eth", "%s, %s"),
    Generation.DOCUMENT: _insert("accumulated_eth, conversion_status", "%s, 'pending'"),
}
