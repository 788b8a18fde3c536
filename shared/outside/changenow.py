"""ChangeNow's API v2: quotes, ranges, exchanges. Amounts go out as plain decimal text and come back as Decimal.

Reading is repeated a few times when it fails in passing, within one deadline for all attempts. Creating an exchange is
repeated only where the first attempt surely never reached ChangeNow; the next check repeats it otherwise (an exchange
nobody pays expires and costs nothing).
"""

import json
import re
from decimal import Decimal
from typing import Any, Final

from urllib3.exceptions import HTTPError

from shared.errors import ExchangeRefused, ExchangeUnavailable, ValueImpossible
from shared.model.exchange import CreatedExchange, Estimate, ExchangeState, Phase, Range
from shared.model.money import AMOUNT_MAX, parse_amount, plain, round_down
from shared.outside.timed_http import Question, TimedHttp

STATUS_CHARACTERS_MAX: Final = 40
ANSWER_BYTES_MAX: Final = 1024 * 1024
RANGE_MAX_ETH: Final = Decimal("1e30")  # some write "no limit" as a very large number
ETH: Final = "eth"
USDT: Final = "usdt"
NETWORK: Final = "eth"  # both ETH and USDT travel on Ethereum
USDT_PLACES: Final = 6  # on Ethereum
PAGE_URL: Final = "https://changenow.io/exchange/txs/"
BELOW_MINIMUM: Final = "deposit_too_small"
ABOVE_MAXIMUM: Final = ("out_of_range", "max_amount_exceeded")
NOT_FOUND: Final = "not_found"
PHASES: Final = {
    "new": Phase.PREPARING,
    "waiting": Phase.WAITING,
    "confirming": Phase.UNDER_WAY,
    "exchanging": Phase.UNDER_WAY,
    "sending": Phase.UNDER_WAY,
    "verifying": Phase.UNDER_WAY,
    "finished": Phase.FINISHED,
    "failed": Phase.FAILED,
    "expired": Phase.FAILED,
    "refunded": Phase.REFUNDED,
}  # any other word means: not final, tell a person

_NOT_ABOUT_THE_REQUEST: Final = (
    401,
    403,
    408,
    429,
)  # a key or a limit: an operator's matter, not the payments'


class ChangeNow:
    """A client for one API key; raises ExchangeRefused for an answer that is final, ExchangeUnavailable otherwise."""

    def __init__(self, url: str, api_key: str, timeout_s: float) -> None:
        self._url = url
        self._headers = {"x-changenow-api-key": api_key, "Accept": "application/json"}
        self._http = TimedHttp(timeout_s, answer_bytes_max=ANSWER_BYTES_MAX)

    def estimate_eth(self, amount_usd: Decimal) -> Estimate:
        """Estimate the ETH that dollars are worth now, with USDT standing for the dollar."""
        return self._estimate(USDT, ETH, round_down(amount_usd, USDT_PLACES))

    def estimate_usdt(self, amount_eth: Decimal) -> Estimate:
        """Estimate the USDT that would arrive for *amount_eth*, after all fees."""
        return self._estimate(ETH, USDT, amount_eth)

    def get_range(self) -> Range:
        """Read the smallest and largest deposit, in ETH, that an exchange to USDT takes now."""
        answer = self._get("/exchange/range", {**_pair(ETH, USDT), "flow": "standard"})
        smallest = _read_amount(answer, "minAmount")
        return Range(Decimal(0) if smallest is None else smallest, _read_amount(answer, "maxAmount", RANGE_MAX_ETH))

    def create_exchange(self, *, amount_eth: Decimal, payout_address: str, refund_address: str) -> CreatedExchange:
        """Make an exchange of *amount_eth* into USDT at *payout_address*; nothing moves until somebody pays it."""
        body = {
            **_pair(ETH, USDT),
            "fromAmount": plain(amount_eth),
            "toAmount": "",
            "address": payout_address,
            "extraId": "",
            "refundAddress": refund_address,
            "refundExtraId": "",
            "flow": "standard",
            "type": "direct",
        }
        answer = self._ask("POST", "/exchange", body=body)
        _require_same_if_given(answer, "payoutAddress", payout_address)
        _require_same_if_given(answer, "refundAddress", refund_address)
        if (taken_eth := _read_amount(answer, "fromAmount")) not in (None, amount_eth):
            raise ExchangeUnavailable(f"ChangeNow made an exchange for {taken_eth} ETH, not {amount_eth}")
        return CreatedExchange(
            cn_api_id=_read_field(answer, "id"),
            payin_address=_read_field(answer, "payinAddress"),
            estimated_usdt=_read_amount(answer, "toAmount"),
        )

    def get_exchange(self, cn_api_id: str) -> ExchangeState:
        """Read where an exchange is; raises ExchangeRefused (``is_not_found``) for one that does not exist."""
        answer = self._get("/exchange/by-id", {"id": cn_api_id})
        if answer.get("id", cn_api_id) != cn_api_id:
            raise ExchangeUnavailable("ChangeNow answered about another exchange")
        status = _read_field(answer, "status").lower()[:STATUS_CHARACTERS_MAX]
        return ExchangeState(
            cn_api_id=cn_api_id,
            status=status,
            phase=PHASES.get(status, Phase.UNDER_WAY),
            received_usdt=_read_amount(answer, "amountTo"),
            expected_eth=_read_amount(answer, "expectedAmountFrom"),
            deposit_eth=_read_amount(answer, "amountFrom"),
            payin_hash=_read_visible(answer.get("payinHash")),
            payout_hash=_read_visible(answer.get("payoutHash")),
            payout_address=_read_visible(answer.get("payoutAddress")),
            refund_hash=_read_visible(answer.get("refundHash")),
        )

    def get_page_url(self, cn_api_id: str) -> str:
        """Return the page on which a person sees an exchange."""
        return PAGE_URL + cn_api_id

    def _estimate(self, from_currency: str, to_currency: str, amount: Decimal) -> Estimate:
        query = {
            **_pair(from_currency, to_currency),
            "fromAmount": plain(amount),
            "flow": "standard",
            "type": "direct",
        }
        answer = self._get("/exchange/estimated-amount", query)
        estimated = _read_amount(answer, "toAmount")
        if estimated is None:
            raise ExchangeUnavailable("ChangeNow gave an estimate without toAmount")
        return Estimate(amount, estimated, _read_fee(answer, "depositFee"), _read_fee(answer, "withdrawalFee"))

    def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        return self._ask("GET", path, query=query)

    def _ask(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Ask within the deadline; what makes something is repeated only where surely nothing was made."""
        question = Question(method, self._url + path, self._headers, query, body, is_repeatable=method == "GET")
        try:
            answer = self._http.ask(question)
        except (HTTPError, TimeoutError) as error:
            raise ExchangeUnavailable(f"ChangeNow did not answer {method} {path}: {type(error).__name__}") from error
        return _parse_document(answer.status, answer.text, f"{method} {path}")


def _pair(from_currency: str, to_currency: str) -> dict[str, str]:
    return {
        "fromCurrency": from_currency,
        "fromNetwork": NETWORK,
        "toCurrency": to_currency,
        "toNetwork": NETWORK,
    }


def _parse_document(status: int, text: bytes, asked: str) -> dict[str, Any]:
    """Read an answer as JSON with every number a Decimal, and tell refusals from trouble."""
    if len(text) > ANSWER_BYTES_MAX:
        raise ExchangeUnavailable(f"ChangeNow answered {asked} with more than {ANSWER_BYTES_MAX} bytes")
    try:
        document = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:  # a number beyond all exponents is no ValueError
        raise ExchangeUnavailable(f"ChangeNow answered {asked} with {status} and no JSON") from error
    if not isinstance(document, dict):
        raise ExchangeUnavailable(f"ChangeNow answered {asked} with {status} and no JSON object")
    if status in (200, 201) and not document.get("error"):
        return document
    code, message = _clean(document.get("error") or "")[:60], _clean(document.get("message") or "")[:200]
    if not (status in (200, 201) or 400 <= status < 500) or status in _NOT_ABOUT_THE_REQUEST or not code:
        raise ExchangeUnavailable(f"ChangeNow answered {asked} with {status} {code}: {message}")
    raise ExchangeRefused(
        f"ChangeNow refused ({status} {code}): {message}",
        code=code,
        is_not_found=code == NOT_FOUND or status == 404,
        is_below_minimum=code == BELOW_MINIMUM,
        is_above_maximum=code in ABOVE_MAXIMUM,
    )


def _clean(value: Any) -> str:
    """Read a text for people of what can be stored and shown: no control characters, no halves of a pair."""
    return re.sub(r"[^ -~\u00a1-\ud7ff\ue000-\ufffd]", "?", str(value))


def _refuse_constant(text: str) -> Decimal:
    raise ValueError(f"{text} is not a number")


def _read_amount(answer: dict[str, Any], name: str, largest: Decimal = AMOUNT_MAX) -> Decimal | None:
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


def _read_fee(answer: dict[str, Any], name: str) -> Decimal | None:
    """Read a fee, which may be 0; no batch waits for one that is missing or odd: it is for the books alone."""
    try:
        fee = parse_amount(str(answer.get(name)).strip())
    except ValueImpossible:
        return None
    return fee if 0 <= fee <= AMOUNT_MAX else None


def _read_field(answer: dict[str, Any], name: str) -> str:
    """Read a text that must be there and that a token and a column can hold."""
    text = _read_visible(answer.get(name))
    if text is None:
        raise ExchangeUnavailable(f"ChangeNow gave no {name}")
    return text


def _read_visible(value: Any) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    return text if re.fullmatch(r"[!-~]{1,255}", text) else None


def _require_same_if_given(answer: dict[str, Any], name: str, expected: str) -> None:
    """Refuse an exchange that would pay somebody else; addresses differ in case alone (EIP-55)."""
    given = answer.get(name)
    if given and str(given).strip().lower() != expected.lower():
        raise ExchangeUnavailable(f"ChangeNow made an exchange with another {name} than was sent")
