"""The documents in which the ChangeNow stand-in answers; amounts leave as JSON numbers."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.changenow.exchange import Exchange
from sandbox.changenow.market import Pair

LEGACY_TICKERS = {"eth": "eth", "usdt": "usdterc20"}


def instant(at: datetime) -> str:
    """ISO-8601 with milliseconds and Z."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def pair_document(pair: Pair) -> dict[str, Any]:
    """The four currency fields; both coins live on Ethereum."""
    return {
        "fromCurrency": pair.from_currency,
        "fromNetwork": "eth",
        "toCurrency": pair.to_currency,
        "toNetwork": "eth",
    }


def estimate_document(
    pair: Pair, kind: str, *, fees: tuple[Decimal, Decimal], amounts: tuple[Decimal, Decimal]
) -> dict[str, Any]:
    """An estimate: *fees* of the deposit and the withdrawal, *amounts* sent and received."""
    return {
        **pair_document(pair),
        "flow": "standard",
        "type": kind,
        "rateId": None,
        "validUntil": None,
        "transactionSpeedForecast": "10-60",
        "warningMessage": None,
        "depositFee": fees[0],
        "withdrawalFee": fees[1],
        "fromAmount": amounts[0],
        "toAmount": amounts[1],
        "userId": None,
    }


def created_document(exchange: Exchange) -> dict[str, Any]:
    """The answer to a created exchange; it carries no status, as the real one does not."""
    return {
        "id": exchange.id,
        "fromAmount": exchange.expected_amount_from,
        "toAmount": exchange.expected_amount_to,
        "flow": "standard",
        "type": "direct",
        "payinAddress": exchange.payin_address,
        "payoutAddress": exchange.payout_address,
        "payinExtraId": None,
        "payoutExtraId": None,
        "payoutExtraIdName": "",
        **pair_document(exchange.pair),
        "refundAddress": exchange.refund_address or "",
        "refundExtraId": "",
        "rateId": None,
        "validUntil": None,
    }


def exchange_document(exchange: Exchange) -> dict[str, Any]:
    """An exchange as by-id shows it; amountTo is null until it is finished."""
    deposit = exchange.seen_deposit
    paid = exchange.status == "finished"
    return {
        "id": exchange.id,
        "status": exchange.status,
        "actionsAvailable": False,
        **pair_document(exchange.pair),
        "expectedAmountFrom": exchange.expected_amount_from,
        "expectedAmountTo": exchange.expected_amount_to,
        "amountFrom": exchange.amount_from,
        "amountTo": exchange.amount_to if paid else None,
        "payinAddress": exchange.payin_address,
        "payoutAddress": exchange.payout_address,
        "payinExtraId": None,
        "payoutExtraId": None,
        "refundAddress": exchange.refund_address,
        "refundExtraId": None,
        "createdAt": instant(exchange.created_at),
        "updatedAt": instant(exchange.updated_at),
        "depositReceivedAt": instant(deposit.received_at) if deposit else None,
        "payinHash": deposit.tx_hash if deposit else None,
        "payoutHash": exchange.payout_hash,
        "refundHash": exchange.refund_hash,
        "refundAmount": exchange.refund_amount,
        "validUntil": None,
        "fromLegacyTicker": LEGACY_TICKERS[exchange.pair.from_currency],
        "toLegacyTicker": LEGACY_TICKERS[exchange.pair.to_currency],
        "userId": None,
        "relatedExchangesInfo": [],
        "repeatedExchangesInfo": [],
        "originalExchangeInfo": None,
    }


def listed_document(exchange: Exchange) -> dict[str, Any]:
    """An exchange as the list shows it, under other names than by-id: its id there is requestId."""
    document = exchange_document(exchange)
    return {
        "createdAt": document["createdAt"],
        "updatedAt": document["updatedAt"],
        "exchangeId": f"internal-{exchange.id}",
        "requestId": exchange.id,
        "status": exchange.status,
        "validUntil": None,
        "flow": "standard",
        "payin": _side(document, "from", exchange.pair.from_currency, "payin"),
        "payout": _side(document, "to", exchange.pair.to_currency, "payout"),
        "refund": {
            "currency": exchange.pair.from_currency,
            "address": exchange.refund_address,
            "extra_id": None,
            "hash": exchange.refund_hash,
        },
        "partnerInfo": {"commission": None, "userId": None, "payload": None},
    }


def _side(document: dict[str, Any], end: str, currency: str, transfer: str) -> dict[str, Any]:
    """One end of an exchange: what was sent, or what was paid out."""
    return {
        "currency": currency,
        "network": "eth",
        "address": document[f"{transfer}Address"],
        "extraId": None,
        "amount": document[f"amount{end.capitalize()}"],
        "expectedAmount": document[f"expectedAmount{end.capitalize()}"],
        "hash": document[f"{transfer}Hash"],
    }
