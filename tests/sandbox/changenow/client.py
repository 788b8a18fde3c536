"""A client of the ChangeNow stand-in, and a clock that moves when it is told to."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import requests

from sandbox.changenow.server import ChangeNow

KEY = {"x-changenow-api-key": "changenow-sandbox-key"}
HASH = "0x" + "ab" * 32
WALLET = "0x" + "1" * 40
ETH_TO_USDT_QUERY = {
    "fromCurrency": "eth",
    "fromNetwork": "eth",
    "toCurrency": "usdt",
    "toNetwork": "eth",
    "flow": "standard",
}
CREATE = {
    **ETH_TO_USDT_QUERY,
    "fromAmount": "0.0165",
    "toAmount": "",
    "address": WALLET,
    "refundAddress": "0x" + "2" * 40,
    "type": "direct",
}


def ask(changenow: ChangeNow, path: str, query: dict[str, str]) -> requests.Response:
    return requests.get(f"{changenow.url}{path}", params=query, headers=KEY, timeout=5)


def numbers(answer: requests.Response) -> dict[str, Any]:
    """The document with every JSON number a Decimal."""
    document: dict[str, Any] = json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)
    return document


def create(changenow: ChangeNow, **changes: Any) -> requests.Response:
    return requests.post(f"{changenow.url}/exchange", json={**CREATE, **changes}, headers=KEY, timeout=5)


def by_id(changenow: ChangeNow, exchange_id: str) -> dict[str, Any]:
    return numbers(ask(changenow, "/exchange/by-id", {"id": exchange_id}))


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
