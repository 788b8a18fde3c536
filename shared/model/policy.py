"""The operators' two levers: the threshold and the policy, as the secrets hold them. No I/O."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from shared.errors import LeverInvalid, ValueImpossible
from shared.model.money import AMOUNT_MAX, parse_amount, plain

THRESHOLD_SECRET: Final = "MICRO_BATCH_THRESHOLD_USD"  # noqa: S105 - a name, no value
POLICY_SECRET: Final = "MICRO_BATCH_POLICY"  # noqa: S105 - a name, no value
DEFAULT_THRESHOLD_USD: Final = Decimal("20.00")
NO_DOCUMENT: Final = "{}"  # on record where the secret was known to be absent; a document is recorded with every key


class Threshold(NamedTuple):
    """The threshold in force and where it comes from: secret, last_valid, newest_batch or default."""

    threshold_usd: Decimal
    source: str


@dataclass(frozen=True)
class CostRatio:
    """The fee-aware rule: open once a swap's fixed cost is at most *start* of the pending dollars.

    What may be paid grows by a factor of e with every *tau_hours* that the oldest payment has waited.
    """

    start: Decimal
    tau_hours: Decimal


@dataclass(frozen=True)
class Policy:
    """The secret MICRO_BATCH_POLICY; None switches a rule off."""

    paused: bool = False
    max_age_hours: Decimal | None = None
    max_payments: int | None = None
    max_batch_usd: Decimal | None = None
    max_in_flight: int | None = None
    quote_deviation_pct: Decimal = Decimal(20)
    max_lost_deposits: int = 2
    cost_ratio: CostRatio | None = None


class PolicySource(Enum):
    """Where the policy in force comes from, read now or in an earlier check."""

    DOCUMENT = auto()
    ABSENT = auto()  # the secret does not exist: the default policy
    NONE = auto()  # nothing valid was ever read: no batch may be opened


class PolicyInForce(NamedTuple):
    """The policy that holds in a check, and what it rests on."""

    policy: Policy
    source: PolicySource

    @property
    def to_decide_on(self) -> Policy | None:
        """The policy for the decision; None where none was ever read."""
        return None if self.source is PolicySource.NONE else self.policy

    @property
    def recorded(self) -> str | None:
        """The policy as a check records it, and as the next one goes on with it."""
        if self.source is PolicySource.DOCUMENT:
            return policy_text(self.policy)
        return NO_DOCUMENT if self.source is PolicySource.ABSENT else None


def parse_threshold(payload: bytes) -> Decimal:
    """Read a threshold in US dollars: a finite decimal above 0; raises LeverInvalid."""
    try:
        threshold_usd = parse_amount(payload.decode("utf-8").strip())
    except (UnicodeDecodeError, ValueImpossible) as error:
        raise LeverInvalid("the threshold is not a decimal number; write it like 20.00") from error
    if threshold_usd <= 0:
        raise LeverInvalid("the threshold is not above 0; to stop batching, pause it in the policy")
    if threshold_usd > AMOUNT_MAX:
        raise LeverInvalid(f"the threshold is not at most {AMOUNT_MAX}")
    return threshold_usd


def parse_policy(payload: bytes) -> Policy:
    """Read a policy document; one unknown key or bad value refuses the whole of it with LeverInvalid."""
    try:
        document = json.loads(payload.decode("utf-8"), parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise LeverInvalid("the policy is not a JSON object") from error
    if not isinstance(document, dict):
        raise LeverInvalid("the policy is not a JSON object")
    unknown = sorted(document.keys() - _READERS.keys())
    if unknown:
        raise LeverInvalid(f"the policy has unknown keys: {', '.join(unknown)[:200]}")
    return Policy(**{key: _READERS[key](key, value) for key, value in document.items()})


def policy_on_record(recorded: str | None) -> PolicyInForce:
    """Read what an earlier check recorded; what nobody can read any more counts as nothing."""
    if recorded is None:
        return PolicyInForce(Policy(), PolicySource.NONE)
    if recorded == NO_DOCUMENT:
        return PolicyInForce(Policy(), PolicySource.ABSENT)
    try:
        return PolicyInForce(parse_policy(recorded.encode()), PolicySource.DOCUMENT)
    except LeverInvalid:
        return PolicyInForce(Policy(), PolicySource.NONE)


def policy_text(policy: Policy) -> str:
    """Write a policy as the document that parse_policy reads."""
    return json.dumps(asdict(policy), default=plain)


def _read_flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise LeverInvalid(f"the policy's {key} is not true or false")
    return value


def _read_positive(key: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        number = parse_amount(str(value))  # of true, a list or an object it is no number's text
    except ValueImpossible as error:
        raise LeverInvalid(f"the policy's {key} is not a number") from error
    if not 0 < number <= AMOUNT_MAX:
        raise LeverInvalid(f"the policy's {key} is not above 0 and at most {AMOUNT_MAX}")
    return number


def _read_whole(key: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**9:
        raise LeverInvalid(f"the policy's {key} is not a whole number above 0")
    return value


def _read_count(key: str, value: Any) -> int:
    count = _read_whole(key, value)
    if count is None:
        raise LeverInvalid(f"the policy's {key} is not a whole number above 0")
    return count


def _read_percent(key: str, value: Any) -> Decimal:
    percent = _read_positive(key, value)
    if percent is None or percent > 100:
        raise LeverInvalid(f"the policy's {key} is not a percentage above 0 and up to 100")
    return percent


def _read_cost_ratio(key: str, value: Any) -> CostRatio | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.keys() != {"start", "tau_hours"}:
        raise LeverInvalid(f"the policy's {key} is not an object of start and tau_hours")
    start, tau_hours = (_read_positive(f"{key}.{name}", value[name]) for name in ("start", "tau_hours"))
    if start is None or tau_hours is None or start > 1:
        raise LeverInvalid(f"the policy's {key} needs a start above 0 and up to 1, and a tau_hours above 0")
    return CostRatio(start, tau_hours)


_READERS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "paused": _read_flag,
    "max_age_hours": _read_positive,
    "max_payments": _read_whole,
    "max_batch_usd": _read_positive,
    "max_in_flight": _read_whole,
    "quote_deviation_pct": _read_percent,
    "max_lost_deposits": _read_count,
    "cost_ratio": _read_cost_ratio,
}
