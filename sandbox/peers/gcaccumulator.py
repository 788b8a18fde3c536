"""GCAccumulator, which takes payments in: subtracts the TelePay fee and stores them as pending, by the deployed insert.

The fee's rule: dollars = amount * (100 - fee percent) / 100, rounded down to 8 places. It queues
nothing: the payment waits for its batch.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any

import pg8000.dbapi

from sandbox.peers.database import database_connection
from sandbox.peers.gcaccumulator_inserts import INSERTS, Generation
from sandbox.wire.decimal_json import load_json
from sandbox.wire.http_server import Answer, HttpServer, Request

AMOUNT_USD_MAX = Decimal("99999999.99")  # the column is NUMERIC(10,2)
OUTCOME_ETH_MAX = Decimal("1e12")  # the column is NUMERIC(30,18)
EIGHT_PLACES = Decimal("1e-8")


class BadPaymentError(Exception):
    """The payment cannot be stored; the message names the field and what it should be."""


@dataclass(frozen=True)
class Payment:
    """A payment as it came in; the amounts are before the fee."""

    client_id: str
    user_id: int
    subscription_id: int | None
    amount_usd: Decimal
    currency: str
    paid_at: datetime  # naive, UTC: the column has no zone
    wallet_address: str
    payout_currency: str
    payout_network: str
    nowpayments_payment_id: str | None
    nowpayments_pay_address: str | None
    outcome_amount_eth: Decimal | None


def after_fee(amount_usd: Decimal, fee_pct: Decimal) -> Decimal:
    """What a payment counts with: dollars less the fee, rounded down to 8 places."""
    return (amount_usd * (100 - fee_pct) / 100).quantize(EIGHT_PLACES, rounding=ROUND_DOWN)


class GCAccumulator(HttpServer):
    """The service; *fee_pct*, *generation* and *database_url* may be changed while it runs."""

    def __init__(
        self,
        *,
        database_url: str,
        fee_pct: Decimal = Decimal(3),
        generation: Generation = Generation.OCTOBER,
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self.generation = generation
        self.database_url = database_url
        self.fee_pct = fee_pct

    def answer(self, request: Request) -> Answer:
        """Store the payment that is posted."""
        if request.name == "GET /health":
            return Answer(200, {"status": "healthy"})
        if request.name != "POST /":
            return Answer(404, {"status": "error", "message": f"no {request.name} here"})
        try:
            payment = parse_payment(request.body)
            with database_connection(self.database_url) as connection:
                number = insert_payout_accumulation_pending(connection, payment, self.fee_pct, self.generation)
        except BadPaymentError as error:
            return Answer(400, {"status": "error", "message": str(error)})
        except (OSError, pg8000.dbapi.Error) as error:
            message = f"the database does not take payments now ({type(error).__name__})"
            return Answer(503, {"status": "error", "message": message}, {"Retry-After": "5"})
        document = {
            "status": "success",
            "message": "Payment accumulated successfully (micro-batch pending)",
            "accumulation_id": number,
            "conversion_status": "pending",
        }
        return Answer(200, document)


def insert_payout_accumulation_pending(
    connection: Any, payment: Payment, fee_pct: Decimal, generation: Generation = Generation.OCTOBER
) -> int:
    """Store *payment* as pending, commit, and return its id."""
    amount_usd = after_fee(payment.amount_usd, fee_pct)
    fee_usd = () if generation is Generation.DOCUMENT else (payment.amount_usd - amount_usd,)
    cursor = connection.cursor()
    cursor.execute(
        INSERTS[generation],
        (
            payment.client_id,
            payment.user_id,
            payment.subscription_id,
            payment.amount_usd,
            payment.currency,
            payment.paid_at,
            payment.wallet_address,
            payment.payout_currency,
            payment.payout_network,
            payment.nowpayments_payment_id,
            payment.nowpayments_pay_address,
            payment.outcome_amount_eth,
            *fee_usd,
            amount_usd,
        ),
    )
    (number,) = cursor.fetchone()
    connection.commit()
    return int(number)


def parse_payment(body: bytes) -> Payment:
    """Read the JSON of one payment; BadPaymentError names the first field that is wrong."""
    try:
        fields = load_json(body)
    except ValueError as error:
        raise BadPaymentError("the body is not JSON") from error
    if not isinstance(fields, dict):
        raise BadPaymentError("the body is not a JSON object")
    amount_usd = _amount(fields, "payment_amount_usd", AMOUNT_USD_MAX, places=2)
    if amount_usd is None:
        raise BadPaymentError("payment_amount_usd is missing: write dollars such as 12.50")
    return Payment(
        client_id=_text(fields, "client_id", 14),
        user_id=_required_whole(fields, "user_id"),
        subscription_id=_whole(fields, "subscription_id", 2**31 - 1),
        amount_usd=amount_usd,
        currency=_text(fields, "payment_currency", 10),
        paid_at=_instant(fields, "payment_timestamp"),
        wallet_address=_text(fields, "client_wallet_address", 200),
        payout_currency=_text(fields, "client_payout_currency", 10),
        payout_network=_text(fields, "client_payout_network", 50),
        nowpayments_payment_id=_optional_text(fields, "nowpayments_payment_id", 50),
        nowpayments_pay_address=_optional_text(fields, "nowpayments_pay_address", 255),
        outcome_amount_eth=_amount(fields, "nowpayments_outcome_amount", OUTCOME_ETH_MAX, places=18),
    )


def _optional_text(fields: dict[str, Any], name: str, characters_max: int) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    text = format(value, "f") if isinstance(value, Decimal) and value.is_finite() else value
    if not isinstance(text, str) or len(text) > characters_max or "\0" in text:
        raise BadPaymentError(f"{name} must be text of at most {characters_max} characters")
    return text


def _text(fields: dict[str, Any], name: str, characters_max: int) -> str:
    text = _optional_text(fields, name, characters_max)
    if text is None or not text.strip():
        raise BadPaymentError(f"{name} is missing")
    return text


def _whole(fields: dict[str, Any], name: str, value_max: int) -> int | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not -value_max <= int(text) <= value_max:
        raise BadPaymentError(f"{name} must be a whole number")
    return int(text)


def _required_whole(fields: dict[str, Any], name: str) -> int:
    value = _whole(fields, name, 2**63 - 1)
    if value is None:
        raise BadPaymentError(f"{name} is missing")
    return value


def _amount(fields: dict[str, Any], name: str, amount_max: Decimal, *, places: int) -> Decimal | None:
    """A positive amount, as a JSON number or as text."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        amount = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation as error:
        raise BadPaymentError(f"{name} is not a number") from error
    if not amount.is_finite() or not 0 < amount <= amount_max:
        raise BadPaymentError(f"{name} must be above 0 and at most {amount_max:f}")
    if amount != amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN):
        raise BadPaymentError(f"{name} has more than {places} decimal places")
    return amount


def _instant(fields: dict[str, Any], name: str) -> datetime:
    """The moment of payment in UTC without a zone, as the column has it; now when it is absent."""
    value = fields.get(name)
    if value is None or value == "":
        return datetime.now(UTC).replace(tzinfo=None)
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise BadPaymentError(f"{name} must be like 2026-01-31T12:00:00Z") from error
    return instant if instant.tzinfo is None else instant.astimezone(UTC).replace(tzinfo=None)
