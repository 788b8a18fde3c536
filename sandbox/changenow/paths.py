"""ChangeNow's own paths: each checks its request and answers from what the office knows."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sandbox.changenow.documents import (
    created_document,
    estimate_document,
    exchange_document,
    listed_document,
    pair_document,
)
from sandbox.changenow.listing import list_exchanges
from sandbox.changenow.market import Market, Pair
from sandbox.changenow.office import Office
from sandbox.changenow.requests import RefusedError, address_of, amount_of, check_flow, object_of, pair_of, type_of
from sandbox.wire.http_server import Answer, Request


def _estimate(office: Office, request: Request) -> Answer:
    pair, query, market = pair_of(request.query), request.query, office.market
    check_flow(query)
    kind = type_of(query)
    if kind == "reverse":
        to_amount = amount_of(query, "toAmount")
        from_amount = market.reverse(pair, to_amount)
    else:
        from_amount = amount_of(query, "fromAmount")
        to_amount = market.direct(pair, from_amount)
    _check_range(market, pair, from_amount)
    fees = (market.deposit_fee(pair), market.withdrawal_fee(pair))
    amounts = (from_amount, to_amount)
    return Answer(200, estimate_document(pair, kind, fees=fees, amounts=amounts))


def _range(office: Office, request: Request) -> Answer:
    answer = _min_amount(office, request)
    maximum = office.market.maximum(pair_of(request.query))
    return Answer(200, {**answer.document, "maxAmount": maximum})


def _min_amount(office: Office, request: Request) -> Answer:
    pair = pair_of(request.query)
    check_flow(request.query)
    minimum = office.market.minimum(pair)
    return Answer(200, {**pair_document(pair), "flow": "standard", "minAmount": minimum})


def _create(office: Office, request: Request) -> Answer:
    body = object_of(request)
    pair = pair_of(body)
    check_flow(body)
    if type_of(body) == "reverse":
        from_amount = office.market.reverse(pair, amount_of(body, "toAmount"))
    else:
        from_amount = amount_of(body, "fromAmount")
    _check_range(office.market, pair, from_amount)
    payout_address = address_of(body, "address", "not_valid_address")
    if payout_address is None:
        raise RefusedError(400, "not_valid_params", "address is required")
    refund_address = address_of(body, "refundAddress", "not_valid_refund_address")
    exchange = office.open_exchange(pair, from_amount, payout_address, refund_address)
    return Answer(200, created_document(exchange))


def _by_id(office: Office, request: Request) -> Answer:
    try:
        exchange = office.exchange(request.query.get("id", ""))
    except KeyError:
        return Answer(404, {"error": "not_found", "message": "Exchange not found"})
    document = exchange_document(exchange)
    return Answer(200, document | {"amountTo": None} if office.hides_amounts else document)


def _list(office: Office, request: Request) -> Answer:
    count, page = list_exchanges(office.exchanges, request.query)
    return Answer(200, {"count": count, "exchanges": [listed_document(exchange) for exchange in page]})


def _check_range(market: Market, pair: Pair, amount: Decimal) -> None:
    minimum, maximum = market.minimum(pair), market.maximum(pair)
    if amount < minimum:
        raise RefusedError(400, "deposit_too_small", f"Out of min amount: {minimum}")
    if maximum is not None and amount > maximum:
        raise RefusedError(400, "out_of_range", f"Out of max amount: {maximum}")


@dataclass(frozen=True)
class Path:
    """Who answers, and how a missing or wrong key is refused."""

    answer: Callable[[Office, Request], Answer]
    status_without_key: int
    code_without_key: str
    is_private: bool = False
    """Refused to the ordinary key once the partner has been given a private one."""

    def check_key(self, request: Request, api_key: str) -> None:
        """Refuse a request without the key."""
        if request.headers.get("x-changenow-api-key", "") != api_key:
            raise RefusedError(self.status_without_key, self.code_without_key, "The API key is missing or unknown")


PATHS: Final = {
    "GET /exchange/estimated-amount": Path(_estimate, 401, "unauthorized"),
    "GET /exchange/range": Path(_range, 401, "unauthorized"),
    "GET /exchange/min-amount": Path(_min_amount, 401, "unauthorized"),
    "POST /exchange": Path(_create, 403, "invalid_api_key"),
    "GET /exchange/by-id": Path(_by_id, 403, "invalid_api_key"),
    "GET /exchanges": Path(_list, 403, "forbidden", is_private=True),
}
