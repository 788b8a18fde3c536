"""The paths by which other processes of a sandbox pay and move things; the real ChangeNow has none of them.

POST /_chain/deposit   {payin_address, amount_eth, tx_hash}: coins arrive
POST /_market          {eth_price_usd, fee_pct, slippage_pct, min_eth, max_eth}: whichever is given changes
POST /_exchange        {id, verb, amount}: the verb is a key of VERBS
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sandbox.changenow.documents import exchange_document
from sandbox.changenow.office import Office
from sandbox.changenow.requests import RefusedError, object_of
from sandbox.wire.http_server import Answer, Request

MARKET_FIELDS: Final = ("eth_price_usd", "fee_pct", "slippage_pct", "min_eth", "max_eth")
AMOUNT_MAX: Final = 10**15  # beyond it no amount has its places
VERBS: Final[dict[str, Callable[[Office, str, Decimal | None], object]]] = {
    "advance": lambda office, exchange_id, _: office.advance(exchange_id),
    "finish": lambda office, exchange_id, amount: office.finish(exchange_id, amount),
    "revive": lambda office, exchange_id, amount: office.revive(exchange_id, amount),
    "restate": lambda office, exchange_id, amount: office.restate(exchange_id, amount),
    "fail": lambda office, exchange_id, _: office.fail(exchange_id),
    "refund": lambda office, exchange_id, amount: office.refund(exchange_id, amount),
    "expire": lambda office, exchange_id, _: office.expire(exchange_id),
    "verify": lambda office, exchange_id, _: office.verify(exchange_id),
}


def _deposit(office: Office, request: Request) -> Answer:
    body = object_of(request)
    amount_eth = _amount(body, "amount_eth")
    if "payin_address" not in body or "tx_hash" not in body or amount_eth is None:
        raise RefusedError(400, "not_valid_params", "a deposit needs payin_address, amount_eth and tx_hash")
    try:
        exchange_id = office.deposit(str(body["payin_address"]), amount_eth, str(body["tx_hash"]))
    except KeyError as error:
        raise RefusedError(404, "not_found", f"Nobody owns {error}") from error
    return Answer(200, {"exchange_id": exchange_id})


def _move_market(office: Office, request: Request) -> Answer:
    body = object_of(request)
    for name in body:
        if name not in MARKET_FIELDS:
            raise RefusedError(400, "not_valid_params", f"{name} is none of {', '.join(MARKET_FIELDS)}")
        if body[name] is None and name != "max_eth":
            raise RefusedError(400, "not_valid_params", f"{name} needs a number")
    amounts = {name: _amount(body, name) for name in body}
    price_usd = amounts.get("eth_price_usd")
    if price_usd is not None and price_usd <= 0:
        raise RefusedError(400, "not_valid_params", f"eth_price_usd is {price_usd}: it must be above 0")
    for name, amount in amounts.items():
        setattr(office.market, name, amount)
    return Answer(200, {name: getattr(office.market, name) for name in MARKET_FIELDS})


def _move_exchange(office: Office, request: Request) -> Answer:
    body = object_of(request)
    exchange_id, verb = str(body.get("id", "")), str(body.get("verb", ""))
    if verb not in VERBS:
        raise RefusedError(404, "not_found", f"the verb is one of {', '.join(VERBS)}")
    amount = _amount(body, "amount")
    try:
        VERBS[verb](office, exchange_id, amount)
    except KeyError as error:
        raise RefusedError(404, "not_found", f"No such exchange: {error}") from error
    except ValueError as error:
        raise RefusedError(409, "not_available", str(error)) from error
    return Answer(200, exchange_document(office.exchange(exchange_id)))


def _amount(body: dict[str, Any], name: str) -> Decimal | None:
    """The number *name*, as a JSON number or as text; None where it is absent or null."""
    value = body.get(name)
    if value is None:
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise RefusedError(400, "not_valid_params", f'{name} is "{value}": write a number such as 2500') from error
    if not amount.is_finite() or abs(amount) > AMOUNT_MAX:
        raise RefusedError(400, "not_valid_params", f"{name} must be a number of at most {AMOUNT_MAX}")
    return amount


CONTROLS: Final[dict[str, Callable[[Office, Request], Answer]]] = {
    "POST /_chain/deposit": _deposit,
    "POST /_market": _move_market,
    "POST /_exchange": _move_exchange,
}
