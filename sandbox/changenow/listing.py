"""The list of a partner's exchanges: which of them are asked for, in which order, and one page of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.changenow.exchange import Exchange
from sandbox.changenow.requests import RefusedError

LIMIT_DEFAULT: Final = 100
LIMIT_END: Final = 100  # a limit that is given has to be below it
INSTANTS: Final[Mapping[str, Callable[[Exchange], datetime]]] = {
    "createdAt": lambda exchange: exchange.created_at,
    "updatedAt": lambda exchange: exchange.updated_at,
}
ASCENDING, DESCENDING = "ASC", "DESC"


def list_exchanges(exchanges: Sequence[Exchange], query: Mapping[str, Any]) -> tuple[int, list[Exchange]]:
    """How many fit the query, and those of the page that it asks for."""
    limit = _whole(query, "limit", 1, LIMIT_END - 1) if query.get("limit") else LIMIT_DEFAULT
    offset = _whole(query, "offset", 0, 10**9) if query.get("offset") else 0
    sorted_by = INSTANTS[_one_of(query, "sortField", tuple(INSTANTS))]
    is_newest_first = _one_of(query, "sortDirection", (DESCENDING, ASCENDING)) == DESCENDING
    chosen = sorted((one for one in exchanges if _fits(one, query)), key=sorted_by, reverse=is_newest_first)
    return len(chosen), chosen[offset : offset + limit]


def _fits(exchange: Exchange, query: Mapping[str, Any]) -> bool:
    at = INSTANTS[_one_of(query, "dateField", tuple(INSTANTS))](exchange)
    statuses = [status for status in query.get("statuses", "").split(",") if status]
    return (
        (not query.get("requestId") or query["requestId"] == exchange.id)
        and (not query.get("payoutAddress") or query["payoutAddress"] == exchange.payout_address)
        and (not statuses or exchange.status in statuses)
        and (not query.get("dateFrom") or at >= _instant(query, "dateFrom"))
        and (not query.get("dateTo") or at <= _instant(query, "dateTo"))
    )


def _one_of(query: Mapping[str, Any], name: str, words: Sequence[str]) -> str:
    """A word that may be left out or blank: then the first holds."""
    word: str = query.get(name) or words[0]
    if word not in words:
        raise RefusedError(400, "bad_params", f"{name} is one of {', '.join(words)}")
    return word


def _whole(query: Mapping[str, Any], name: str, least: int, most: int) -> int:
    text = query[name]
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise RefusedError(400, "bad_params", f"{name} must be a number from {least} to {most}")
    return int(text)


def _instant(query: Mapping[str, Any], name: str) -> datetime:
    try:
        return datetime.strptime(query[name], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise RefusedError(400, "bad_params", f"{name} must be written as YYYY-MM-DDTHH:mm:ss.sssZ") from error
