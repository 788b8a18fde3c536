"""ChangeNow's list of a partner's exchanges: which there are, whoever made them with the key. Only reading.

A partner who has asked for a private key sees the list with that one alone; the ordinary key is refused then.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from urllib3.exceptions import HTTPError

from shared.errors import Refused, Unavailable
from shared.outside.timed_http import PASSING, Question, TimedHttp

PAGE: Final = 99  # the most that ChangeNow takes as a limit
ANSWER_BYTES_MAX: Final = 1024 * 1024
UNPAID: Final = frozenset({"new", "waiting", "expired"})  # of whose rows no coin has moved that ChangeNow knows of

_PATH: Final = "/exchanges"


class ListUnavailable(Unavailable):
    """ChangeNow gave no list; asking again is right."""


class ListRefused(Refused):
    """ChangeNow answered that this key may not list, or not like this."""


@dataclass(frozen=True)
class Listed:
    """An exchange as the list names it; the payout address in lower case."""

    cn_api_id: str
    payout_address: str
    is_unpaid: bool


class ExchangeList:
    """Reads the list page by page, oldest first; safe for threads."""

    def __init__(self, url: str, api_key: str, timeout_s: float) -> None:
        self._url = url + _PATH
        self._headers = {"x-changenow-api-key": api_key, "Accept": "application/json"}
        self._http = TimedHttp(timeout_s, answer_bytes_max=ANSWER_BYTES_MAX)

    def read_page(self, since: datetime, until: datetime | None, offset: int) -> list[Listed]:
        """Read the exchanges made in a time from the *offset*th on; none beyond the last."""
        query = {
            "limit": str(PAGE),
            "sortDirection": "ASC",
            "sortField": "createdAt",
            "dateField": "createdAt",
            "dateFrom": _written(since),
        }
        query |= {"dateTo": _written(until)} if until else {}
        query |= {"offset": str(offset)} if offset else {}  # 0 is not among what may be given
        try:
            answer = self._http.ask(Question("GET", self._url, self._headers, query))
        except (HTTPError, TimeoutError) as error:
            raise ListUnavailable(f"ChangeNow did not answer {_PATH}: {type(error).__name__}") from error
        return [_listed(row) for row in _rows(answer.status, answer.text)]


def _rows(status: int, text: bytes) -> Sequence[Any]:
    """Take the rows out of an answer, and tell a refusal from trouble."""
    try:
        document = json.loads(text) if len(text) <= ANSWER_BYTES_MAX else None
    except (ValueError, RecursionError):
        document = None
    rows = document.get("exchanges") if isinstance(document, Mapping) else None
    if status == 200 and isinstance(rows, list):
        return rows
    if 400 <= status < 500 and status not in PASSING and status != 408:
        code = str(document.get("error", ""))[:60] if isinstance(document, Mapping) else ""
        raise ListRefused(f"{status} {code}".strip())
    raise ListUnavailable(f"ChangeNow answered {_PATH} with {status} and no list")


def _listed(row: Any) -> Listed:
    """Read one row; its id by which by-id knows it is called requestId here."""
    payin, payout, refund = (_part(row, name) for name in ("payin", "payout", "refund"))
    cn_api_id = row.get("requestId") if isinstance(row, Mapping) else None
    if not isinstance(cn_api_id, str) or not re.fullmatch(r"[!-~]{1,255}", cn_api_id):
        raise ListUnavailable(f"ChangeNow listed an exchange on {_PATH} without its requestId")
    hashes = [part.get("hash") for part in (payin, payout, refund)]
    return Listed(
        cn_api_id=cn_api_id,
        payout_address=str(payout.get("address") or "").lower(),
        is_unpaid=str(row.get("status")) in UNPAID and not any(hashes) and not payin.get("amount"),
    )


def _part(row: Any, name: str) -> Mapping[str, Any]:
    part = row.get(name) if isinstance(row, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
