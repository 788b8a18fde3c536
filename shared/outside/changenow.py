"""ChangeNow's API v2: quotes, ranges, exchanges. Amounts go out as plain decimal text and come back as Decimal.

Reading is repeated a few times when it fails in passing. Creating an exchange is repeated only where the first attempt
surely never reached ChangeNow; the next check repeats it otherwise (an exchange nobody pays expires and costs nothing).
"""

import json
import re
import time
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError

from shared.errors import ExchangeRefused, ExchangeUnavailable, ValueImpossible
from shared.model.money import AMOUNT_MAX, parse_amount, plain

ANSWER_BYTES_MAX: Final = 1024 * 1024
READ_BYTES: Final = 64 * 1024
RETRY_AFTER_MAX_S: Final = 5
RANGE_MAX_ETH: Final = Decimal("1e30")  # some write "no limit" as a very large number
NETWORK: Final = "eth"  # both ETH and USDT travel on Ethereum
BELOW_MINIMUM: Final = "deposit_too_small"
ABOVE_MAXIMUM: Final = ("out_of_range", "max_amount_exceeded")
NOT_FOUND: Final = "not_found"

_PASSING: Final = (429, 500, 502, 503, 504)
_NOT_ABOUT_THE_REQUEST: Final = (
    401,
    403,
    408,
    429,
)  # a key or a limit: an operator's matter, not the payments'
_READING: Final = urllib3.Retry(
    total=3,
    connect=2,
    read=1,
    status=3,
    redirect=0,
    backoff_factor=0.3,
    status_forcelist=_PASSING,
    allowed_methods={"GET"},
    retry_after_max=RETRY_AFTER_MAX_S,
    raise_on_status=False,
)
_CREATING: Final = urllib3.Retry(
    total=2,
    connect=2,
    read=0,
    status=2,
    redirect=0,
    other=0,
    backoff_factor=0.3,
    status_forcelist=(429,),
    allowed_methods={"POST"},
    retry_after_max=RETRY_AFTER_MAX_S,
    raise_on_status=False,
)


class Status(StrEnum):
    """ChangeNow's words for where an exchange is; any other word means: not final, tell a person."""

    NEW = "new"
    WAITING = "waiting"
    CONFIRMING = "confirming"
    EXCHANGING = "exchanging"
    SENDING = "sending"
    FINISHED = "finished"
    FAILED = "failed"
    REFUNDED = "refunded"
    VERIFYING = "verifying"
    EXPIRED = "expired"


UNPAID: Final = frozenset({Status.NEW, Status.WAITING})
LOST: Final = frozenset({Status.FAILED, Status.EXPIRED, Status.REFUNDED})


@dataclass(frozen=True)
class Range:
    """The ETH that one exchange takes; *max_eth* is None where there is no upper limit."""

    min_eth: Decimal
    max_eth: Decimal | None


@dataclass(frozen=True)
class CreatedExchange:
    """An exchange that waits for its deposit."""

    cn_api_id: str
    payin_address: str
    estimated_usdt: Decimal | None


@dataclass(frozen=True)
class ExchangeState:
    """Where an exchange is; *received_usdt* is what was paid out, known once it is finished."""

    cn_api_id: str
    status: str
    received_usdt: Decimal | None
    expected_eth: Decimal | None
    payin_hash: str | None


class ChangeNow:
    """A client for one API key; raises ExchangeRefused for an answer that is final, ExchangeUnavailable otherwise."""

    def __init__(self, url: str, api_key: str, timeout_s: float) -> None:
        self._url = url
        self._headers = {"x-changenow-api-key": api_key, "Accept": "application/json"}
        self._timeout = urllib3.Timeout(total=timeout_s)
        self._timeout_s = timeout_s
        self._pool = urllib3.PoolManager(maxsize=4)

    def estimate_eth(self, amount_usd: Decimal) -> Decimal:
        """Estimate the ETH that dollars are worth now, with USDT standing for the dollar."""
        return self._estimate("usdt", "eth", amount_usd)

    def estimate_usdt(self, amount_eth: Decimal) -> Decimal:
        """Estimate the USDT that would arrive for *amount_eth*, after all fees."""
        return self._estimate("eth", "usdt", amount_eth)

    def get_range(self) -> Range:
        """Read the smallest and largest deposit, in ETH, that an exchange to USDT takes now."""
        answer = self._get("/exchange/range", {**_pair("eth", "usdt"), "flow": "standard"})
        smallest = _amount(answer, "minAmount")
        return Range(Decimal(0) if smallest is None else smallest, _amount(answer, "maxAmount", RANGE_MAX_ETH))

    def create_exchange(self, *, amount_eth: Decimal, payout_address: str, refund_address: str) -> CreatedExchange:
        """Make an exchange of *amount_eth* into USDT at *payout_address*; nothing moves until somebody pays it."""
        body = {
            **_pair("eth", "usdt"),
            "fromAmount": plain(amount_eth),
            "toAmount": "",
            "address": payout_address,
            "extraId": "",
            "refundAddress": refund_address,
            "refundExtraId": "",
            "flow": "standard",
            "type": "direct",
        }
        answer = self._request("POST", "/exchange", body=body, retries=_CREATING)
        _same_if_given(answer, "payoutAddress", payout_address)
        _same_if_given(answer, "refundAddress", refund_address)
        if (taken_eth := _amount(answer, "fromAmount")) not in (None, amount_eth):
            raise ExchangeUnavailable(f"ChangeNow made an exchange for {taken_eth} ETH, not {amount_eth}")
        return CreatedExchange(
            cn_api_id=_field(answer, "id"),
            payin_address=_field(answer, "payinAddress"),
            estimated_usdt=_amount(answer, "toAmount"),
        )

    def get_exchange(self, cn_api_id: str) -> ExchangeState:
        """Read where an exchange is; raises ExchangeRefused with code ``not_found`` for one that does not exist."""
        answer = self._get("/exchange/by-id", {"id": cn_api_id})
        if answer.get("id", cn_api_id) != cn_api_id:
            raise ExchangeUnavailable("ChangeNow answered about another exchange")
        return ExchangeState(
            cn_api_id=cn_api_id,
            status=_field(answer, "status").lower(),
            received_usdt=_amount(answer, "amountTo"),
            expected_eth=_amount(answer, "expectedAmountFrom"),
            payin_hash=_visible(answer.get("payinHash")),
        )

    def _estimate(self, from_currency: str, to_currency: str, amount: Decimal) -> Decimal:
        query = {
            **_pair(from_currency, to_currency),
            "fromAmount": plain(amount),
            "flow": "standard",
            "type": "direct",
        }
        estimated = _amount(self._get("/exchange/estimated-amount", query), "toAmount")
        if estimated is None:
            raise ExchangeUnavailable("ChangeNow gave an estimate without toAmount")
        return estimated

    def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        return self._request("GET", path, query=query, retries=_READING)

    def _request(
        self,
        method: str,
        path: str,
        *,
        retries: urllib3.Retry,
        query: dict[str, str] | None = None,
        body: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            response = self._pool.request(
                method,
                self._url + path,
                fields=query,
                json=body,
                headers=self._headers if body is None else self._headers | {"Content-Type": "application/json"},
                timeout=self._timeout,
                retries=retries,
                preload_content=False,
            )
            text = self._read(response)
        except HTTPError as error:
            cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
            raise ExchangeUnavailable(f"ChangeNow did not answer {method} {path}: {type(cause).__name__}") from error
        return _document(response.status, text, f"{method} {path}")

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """Read a body within the time-out as a whole; one that drips byte by byte would pass every single read."""
        until_s = time.monotonic() + self._timeout_s
        text = bytearray()
        try:
            while len(text) <= ANSWER_BYTES_MAX and (part := response.read1(READ_BYTES)):
                if time.monotonic() > until_s:
                    raise ExchangeUnavailable("ChangeNow's answer does not come to an end")
                text += part
        finally:
            response.close()
        return bytes(text)


def _pair(from_currency: str, to_currency: str) -> dict[str, str]:
    return {
        "fromCurrency": from_currency,
        "fromNetwork": NETWORK,
        "toCurrency": to_currency,
        "toNetwork": NETWORK,
    }


def _document(status: int, text: bytes, asked: str) -> dict[str, Any]:
    """Read an answer as JSON with every number a Decimal, and tell refusals from trouble."""
    if len(text) > ANSWER_BYTES_MAX:
        raise ExchangeUnavailable(f"ChangeNow answered {asked} with more than {ANSWER_BYTES_MAX} bytes")
    try:
        document = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ExchangeUnavailable(f"ChangeNow answered {asked} with {status} and no JSON") from error
    if not isinstance(document, dict):
        raise ExchangeUnavailable(f"ChangeNow answered {asked} with {status} and no JSON object")
    if status in (200, 201) and not document.get("error"):
        return document
    code, message = str(document.get("error", ""))[:60], str(document.get("message", ""))[:200]
    if status >= 500 or status in _NOT_ABOUT_THE_REQUEST or not code:
        raise ExchangeUnavailable(f"ChangeNow answered {asked} with {status} {code}: {message}")
    raise ExchangeRefused(code, message, status)


def _no_number(text: str) -> Decimal:
    raise ValueError(f"{text} is not a number")


def _amount(answer: dict[str, Any], name: str, largest: Decimal = AMOUNT_MAX) -> Decimal | None:
    """Read an amount above 0 that may be a number, its text, or (null, blank or zero) not known yet."""
    value = answer.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        amount = value if isinstance(value, Decimal) else parse_amount(str(value).strip())
    except ValueImpossible as error:
        raise ExchangeUnavailable(f"ChangeNow gave no number as {name}") from error
    if not 0 <= amount <= largest:
        raise ExchangeUnavailable(f"ChangeNow gave a {name} that is negative or larger than there can be")
    return amount or None


def _field(answer: dict[str, Any], name: str) -> str:
    """Read a text that must be there and that a token and a column can hold."""
    text = _visible(answer.get(name))
    if text is None:
        raise ExchangeUnavailable(f"ChangeNow gave no {name}")
    return text


def _visible(value: Any) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    return text if re.fullmatch(r"[!-~]{1,255}", text) else None


def _same_if_given(answer: dict[str, Any], name: str, expected: str) -> None:
    """Refuse an exchange that would pay somebody else; addresses differ in case alone (EIP-55)."""
    given = answer.get(name)
    if given and str(given).strip().lower() != expected.lower():
        raise ExchangeUnavailable(f"ChangeNow made an exchange with another {name} than was sent")
