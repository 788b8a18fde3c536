"""What ChangeNow's paths read from a request, and how they refuse one."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from sandbox.changenow.market import PAIRS, Pair
from sandbox.wire.decimal_json import load_json
from sandbox.wire.http_server import Answer, Request

PLAIN_DECIMAL: Final = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")
ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


class RefusedError(Exception):
    """A request that ChangeNow answers with an error body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, {"error": code, "message": message})


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
