"""The HTTP side of the ChangeNow stand-in: its paths, its checks of requests, its error bodies."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from sandbox.changenow.documents import (
    created_document,
    estimate_document,
    exchange_document,
    pair_document,
)
from sandbox.changenow.market import PAIRS, Pair
from sandbox.wire.decimal_json import load_json
from sandbox.wire.http_server import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.changenow.server import ChangeNow

PLAIN_DECIMAL = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
MARKET_FIELDS = ("eth_price_usd", "fee_pct", "slippage_pct", "min_eth", "max_eth")


class RefusedError(Exception):
    """A request that ChangeNow answers with an error body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, {"error": code, "message": message})


class ChangeNowHttp:
    """Answers one request at a time from what *office* knows."""

    def __init__(self, office: ChangeNow) -> None:
        self._office = office
        self._routes: dict[str, Callable[[Request], Answer]] = {
            "GET /exchange/estimated-amount": self._estimate,
            "GET /exchange/range": self._range,
            "GET /exchange/min-amount": self._min_amount,
            "POST /exchange": self._create,
            "GET /exchange/by-id": self._by_id,
            "POST /_chain/deposit": self._deposit,
            "POST /_market": self._move_market,
            "POST /_exchange": self._move_exchange,
        }

    def answer(self, request: Request) -> Answer:
        """Answer *request*; a leading /v2 in the path is as good as none."""
        route = self._routes.get(f"{request.method} {request.path.removeprefix('/v2')}")
        if route is None:
            return Answer(404, {"error": "not_found", "message": f"No {request.name} here"})
        try:
            return route(request)
        except RefusedError as refusal:
            return refusal.answer

    def _estimate(self, request: Request) -> Answer:
        self._check_key(request, 401, "unauthorized")
        pair, query, market = pair_of(request.query), request.query, self._office.market
        check_flow(query)
        kind = type_of(query)
        if kind == "reverse":
            to_amount = amount_of(query, "toAmount")
            from_amount = market.reverse(pair, to_amount)
        else:
            from_amount = amount_of(query, "fromAmount")
            to_amount = market.direct(pair, from_amount)
        self._check_range(pair, from_amount)
        fees = (market.deposit_fee(pair), market.withdrawal_fee(pair))
        amounts = (from_amount, to_amount)
        return Answer(200, estimate_document(pair, kind, fees=fees, amounts=amounts))

    def _range(self, request: Request) -> Answer:
        answer = self._min_amount(request)
        maximum = self._office.market.maximum(pair_of(request.query))
        return Answer(200, {**answer.document, "maxAmount": maximum})

    def _min_amount(self, request: Request) -> Answer:
        self._check_key(request, 401, "unauthorized")
        pair = pair_of(request.query)
        check_flow(request.query)
        minimum = self._office.market.minimum(pair)
        return Answer(200, {**pair_document(pair), "flow": "standard", "minAmount": minimum})

    def _create(self, request: Request) -> Answer:
        self._check_key(request, 403, "invalid_api_key")
        body = object_of(request)
        pair = pair_of(body)
        check_flow(body)
        if type_of(body) == "reverse":
            from_amount = self._office.market.reverse(pair, amount_of(body, "toAmount"))
        else:
            from_amount = amount_of(body, "fromAmount")
        self._check_range(pair, from_amount)
        payout_address = address_of(body, "address", "not_valid_address")
        if payout_address is None:
            raise RefusedError(400, "not_valid_params", "address is required")
        refund_address = address_of(body, "refundAddress", "not_valid_refund_address")
        exchange = self._office.open_exchange(pair, from_amount, payout_address, refund_address)
        return Answer(200, created_document(exchange))

    def _by_id(self, request: Request) -> Answer:
        self._check_key(request, 403, "invalid_api_key")
        try:
            exchange = self._office.exchange(request.query.get("id", ""))
        except KeyError:
            return Answer(404, {"error": "not_found", "message": "Exchange not found"})
        return Answer(200, exchange_document(exchange))

    def _deposit(self, request: Request) -> Answer:
        body = object_of(request)
        try:
            address, tx_hash = str(body["payin_address"]), str(body["tx_hash"])
            amount_eth = Decimal(str(body["amount_eth"]))
        except (KeyError, InvalidOperation) as error:
            raise RefusedError(400, "not_valid_params", f"a deposit needs {error}") from error
        try:
            exchange_id = self._office.deposit(address, amount_eth, tx_hash)
        except KeyError as error:
            raise RefusedError(404, "not_found", f"Nobody owns {error}") from error
        return Answer(200, {"exchange_id": exchange_id})

    def _move_market(self, request: Request) -> Answer:
        market = self._office.market
        for name, value in object_of(request).items():
            if name not in MARKET_FIELDS:
                raise RefusedError(400, "not_valid_params", f"{name} is none of {MARKET_FIELDS}")
            setattr(market, name, None if value is None else Decimal(str(value)))
        return Answer(200, {name: getattr(market, name) for name in MARKET_FIELDS})

    def _move_exchange(self, request: Request) -> Answer:
        body, office = object_of(request), self._office
        exchange_id, verb = str(body.get("id", "")), str(body.get("verb", ""))
        amount = None if body.get("amount") is None else Decimal(str(body["amount"]))
        verbs: dict[str, Callable[[], object]] = {
            "advance": lambda: office.advance(exchange_id),
            "finish": lambda: office.finish(exchange_id, amount),
            "fail": lambda: office.fail(exchange_id),
            "refund": lambda: office.refund(exchange_id, amount),
            "expire": lambda: office.expire(exchange_id),
            "verify": lambda: office.verify(exchange_id),
        }
        try:
            verbs[verb]()
        except KeyError as error:
            raise RefusedError(404, "not_found", f"No such exchange or verb: {error}") from error
        except ValueError as error:
            raise RefusedError(409, "not_available", str(error)) from error
        return Answer(200, exchange_document(office.exchange(exchange_id)))

    def _check_key(self, request: Request, status: int, code: str) -> None:
        if request.headers.get("x-changenow-api-key", "") != self._office.api_key:
            raise RefusedError(status, code, "The API key is missing or unknown")

    def _check_range(self, pair: Pair, amount: Decimal) -> None:
        market = self._office.market
        minimum, maximum = market.minimum(pair), market.maximum(pair)
        if amount < minimum:
            raise RefusedError(400, "deposit_too_small", f"Out of min amount: {minimum}")
        if maximum is not None and amount > maximum:
            raise RefusedError(400, "out_of_range", f"Out of max amount: {maximum}")


def object_of(request: Request) -> dict[str, Any]:
    """The JSON object in the body."""
    try:
        document = load_json(request.body)
    except ValueError as error:
        raise RefusedError(400, "bad_params", "The body is not JSON") from error
    if not isinstance(document, dict):
        raise RefusedError(400, "bad_params", "The body is not a JSON object")
    return document


def pair_of(fields: Mapping[str, Any]) -> Pair:
    """The direction asked for; networks may be left out, as both coins have one here."""
    pair = Pair(str(fields.get("fromCurrency", "")), str(fields.get("toCurrency", "")))
    networks = {fields.get("fromNetwork") or "eth", fields.get("toNetwork") or "eth"}
    if pair not in PAIRS or networks != {"eth"}:
        text = f"{pair.from_currency} to {pair.to_currency} is not supported"
        raise RefusedError(400, "not_valid_params", text)
    return pair


def check_flow(fields: Mapping[str, Any]) -> None:
    """The standard flow is the only one that this key may use."""
    flow = fields.get("flow") or "standard"
    if flow == "fixed-rate":
        raise RefusedError(400, "fixed_rate_not_enabled", "Fixed rate is not enabled for this key")
    if flow != "standard":
        raise RefusedError(400, "not_valid_params", f"flow {flow} is unknown")


def type_of(fields: Mapping[str, Any]) -> str:
    """``direct`` (how much arrives) or ``reverse`` (how much to send)."""
    kind = str(fields.get("type") or "direct")
    if kind not in ("direct", "reverse"):
        raise RefusedError(400, "not_valid_params", f"type {kind} is unknown")
    return kind


def amount_of(fields: Mapping[str, Any], name: str) -> Decimal:
    """The positive amount *name*: text, plain digits, no exponent."""
    text = fields.get(name)
    if not isinstance(text, str) or not PLAIN_DECIMAL.fullmatch(text) or Decimal(text) == 0:
        raise RefusedError(400, "not_valid_params", f"{name} must be a plain decimal above 0, as text")
    return Decimal(text)


def address_of(fields: Mapping[str, Any], name: str, code: str) -> str | None:
    """The Ethereum address *name*; None when it is absent or empty."""
    address = fields.get(name) or None
    if address is None:
        return None
    if not isinstance(address, str) or not ADDRESS.fullmatch(address):
        raise RefusedError(400, code, f"{name} is not a valid address")
    return address
