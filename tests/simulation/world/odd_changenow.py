"""ChangeNow with exchanges that it will not tell about, for ever: each is bad in its own way, all others are well."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from sandbox.changenow.documents import exchange_document
from sandbox.changenow.exchange import Exchange
from sandbox.changenow.market import Pair
from sandbox.changenow.server import ChangeNow
from sandbox.wire.http_server import Answer, Request

BY_ID: Final = "GET /exchange/by-id"


def _refuses(status: int, code: str) -> Callable[[Exchange], Answer]:
    return lambda _: Answer(status, {"error": code, "message": "as the simulation wants it"})


def _says(**fields: Any) -> Callable[[Exchange], Answer]:
    return lambda exchange: Answer(200, exchange_document(exchange) | fields)


WAYS: Final[dict[str, Callable[[Exchange], Answer]]] = {
    "forbidden": _refuses(403, "forbidden"),
    "error": _refuses(500, "internal"),
    "unknown": _refuses(404, "not_found"),
    "nonsense": lambda _: Answer(200, body=b"<html>Just a moment...</html>"),
    "new for ever": _says(status="new", amountFrom=None, amountTo=None, payinHash=None),
    "verifying for ever": _says(status="verifying", amountTo=None),
    "no amount for ever": _says(status="finished", amountTo=None),
}
FROM_THE_FIRST: Final = ("forbidden", "error", "unknown", "nonsense", "new for ever")
ONCE_PAID: Final = ("forbidden", "error", "nonsense", "verifying for ever", "no amount for ever")


class OddChangeNow(ChangeNow):
    """The office, with a note of the exchanges that are bad; *made* is told of each exchange as it is made."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self.bad: dict[str, str] = {}  # by id: how
        self.made: Callable[[int, str], None] = lambda *_: None

    def open_exchange(
        self, pair: Pair, from_amount: Decimal, payout_address: str, refund_address: str | None
    ) -> Exchange:
        """Make an exchange, and say which it is."""
        with self._lock:
            exchange = super().open_exchange(pair, from_amount, payout_address, refund_address)
            self.made(len(self._exchanges), exchange.id)
            return exchange

    def answer(self, request: Request) -> Answer:
        """What the office says, unless it is asked about a bad exchange."""
        how = self.bad.get(request.query.get("id", ""))
        if how is None or f"{request.method} {request.path.removeprefix('/v2')}" != BY_ID:
            return super().answer(request)
        return WAYS[how](self.exchange(request.query["id"]))
