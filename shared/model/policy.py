"""What the operators set and what follows from it: threshold, policy, and the decision with its reason. No I/O."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from shared.errors import ControlInvalid, ValueImpossible
from shared.model.money import AMOUNT_MAX, parse_amount

DEFAULT_THRESHOLD_USD: Final = Decimal("20.00")


class Reason(StrEnum):
    """Why a check opened a batch, or why it did not; the words in ``threshold_checks.reason``."""

    THRESHOLD_REACHED = "threshold_reached"
    FORCED = "forced"
    OVER_AGE = "over_age"
    PAYMENT_COUNT = "payment_count"
    BELOW_THRESHOLD = "below_threshold"
    PAUSED = "paused"
    IN_FLIGHT_LIMIT = "in_flight_limit"
    BELOW_EXCHANGE_MINIMUM = "below_exchange_minimum"
    ABOVE_EXCHANGE_MAXIMUM = "above_exchange_maximum"
    ABOVE_BATCH_CAP = "above_batch_cap"
    QUOTE_REFUSED = "quote_refused"
    EXCHANGE_UNAVAILABLE = "exchange_unavailable"
    EXCHANGE_REFUSED = "exchange_refused"
    RESUME_FAILED = "resume_failed"
    CLAIM_CONTENDED = "claim_contended"
    CHECK_IN_PROGRESS = "check_in_progress"


OPENING: Final = frozenset({Reason.THRESHOLD_REACHED, Reason.FORCED, Reason.OVER_AGE, Reason.PAYMENT_COUNT})


@dataclass(frozen=True)
class Policy:
    """The secret MICRO_BATCH_POLICY; None switches a rule off."""

    paused: bool = False
    max_age_hours: Decimal | None = None
    max_payments: int | None = None
    max_batch_usd: Decimal | None = None
    max_in_flight: int | None = None
    quote_deviation_pct: Decimal = Decimal(20)


@dataclass(frozen=True)
class Pending:
    """What waits to be claimed, at one instant; the newest payment marks where that instant ends."""

    payments: int
    pending_usd: Decimal
    oldest_at: datetime | None
    newest_created_at: datetime | None
    newest_id: int | None
    unclaimable_payments: int

    def oldest_age(self, now: datetime) -> timedelta:
        """How long the oldest payment has waited; zero where none does."""
        return max(now - self.oldest_at, timedelta(0)) if self.oldest_at else timedelta(0)


def parse_threshold(payload: bytes) -> Decimal:
    """Read a threshold in US dollars: a finite decimal above 0; raises ControlInvalid."""
    try:
        threshold_usd = parse_amount(payload.decode("utf-8").strip())
    except (UnicodeDecodeError, ValueImpossible) as error:
        raise ControlInvalid("the threshold is not a decimal number; write it like 20.00") from error
    if not 0 < threshold_usd <= AMOUNT_MAX:
        raise ControlInvalid("the threshold is not above 0; to stop batching, pause it in the policy")
    return threshold_usd


def parse_policy(payload: bytes) -> Policy:
    """Read a policy document; one unknown key or bad value refuses the whole of it with ControlInvalid."""
    try:
        document = json.loads(payload.decode("utf-8"), parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise ControlInvalid("the policy is not a JSON object") from error
    if not isinstance(document, dict):
        raise ControlInvalid("the policy is not a JSON object")
    unknown = sorted(document.keys() - _READERS.keys())
    if unknown:
        raise ControlInvalid(f"the policy has unknown keys: {', '.join(unknown)[:200]}")
    return Policy(**{key: _READERS[key](key, value) for key, value in document.items()})


def decide(
    pending: Pending,
    *,
    threshold_usd: Decimal,
    policy: Policy,
    forced: bool,
    in_flight: int,
    now: datetime,
) -> Reason:
    """Say why to open a batch now, or why not; a pause holds back even a forced one."""
    if policy.paused:
        return Reason.PAUSED
    reason = _wish(pending, threshold_usd=threshold_usd, policy=policy, forced=forced, now=now)
    if reason in OPENING and policy.max_in_flight is not None and in_flight >= policy.max_in_flight:
        return Reason.IN_FLIGHT_LIMIT
    return reason


def _wish(pending: Pending, *, threshold_usd: Decimal, policy: Policy, forced: bool, now: datetime) -> Reason:
    if pending.payments == 0:
        return Reason.BELOW_THRESHOLD
    if pending.pending_usd >= threshold_usd:
        return Reason.THRESHOLD_REACHED
    if forced:
        return Reason.FORCED
    if policy.max_age_hours is not None and _hours(pending.oldest_age(now)) >= policy.max_age_hours:
        return Reason.OVER_AGE
    if policy.max_payments is not None and pending.payments >= policy.max_payments:
        return Reason.PAYMENT_COUNT
    return Reason.BELOW_THRESHOLD


def is_within(amount: Decimal, expected: Decimal, deviation_pct: Decimal) -> bool:
    """Tell whether an amount strays from the expected one by at most so many percent, either way."""
    return abs(amount - expected) * 100 <= expected * deviation_pct


def _hours(age: timedelta) -> Decimal:
    return Decimal(age // timedelta(microseconds=1)) / Decimal(3_600_000_000)


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ControlInvalid(f"the policy's {key} is not true or false")
    return value


def _positive(key: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ControlInvalid(f"the policy's {key} is not a number")
    try:
        number = parse_amount(str(value))
    except ValueImpossible as error:
        raise ControlInvalid(f"the policy's {key} is not a number") from error
    if not 0 < number <= AMOUNT_MAX:
        raise ControlInvalid(f"the policy's {key} is not above 0")
    return number


def _whole(key: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**9:
        raise ControlInvalid(f"the policy's {key} is not a whole number above 0")
    return value


def _percent(key: str, value: Any) -> Decimal:
    percent = _positive(key, value)
    if percent is None or percent > 100:
        raise ControlInvalid(f"the policy's {key} is not a percentage above 0 and up to 100")
    return percent


_READERS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "paused": _flag,
    "max_age_hours": _positive,
    "max_payments": _whole,
    "max_batch_usd": _positive,
    "max_in_flight": _whole,
    "quote_deviation_pct": _percent,
}
