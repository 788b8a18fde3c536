"""The operators' two documents as the design reads them, and what stands in for one that cannot be read."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

Sql = Callable[..., list[dict[str, Any]]]

DEFAULT_THRESHOLD_USD: Final = Decimal(20)
LAST_THRESHOLD: Final = """
    SELECT threshold_usd FROM threshold_checks WHERE threshold_source = 'secret' ORDER BY id DESC LIMIT 1"""
NEWEST_BATCH: Final = """
    SELECT threshold_at_creation AS threshold_usd FROM batch_conversions
    WHERE threshold_at_creation > 0 ORDER BY id DESC LIMIT 1"""
LAST_POLICY: Final = "SELECT policy FROM threshold_checks WHERE threshold_usd IS NOT NULL ORDER BY id DESC LIMIT 1"


@dataclass(frozen=True)
class CostRatio:
    """The share of what waits that a swap may cost at once; it grows by a factor of e with every *tau_hours*."""

    start: Decimal
    tau_hours: Decimal


@dataclass(frozen=True)
class Policy:
    """What the policy document says; None switches a rule off."""

    paused: bool = False
    max_age_hours: Decimal | None = None
    max_payments: int | None = None
    max_batch_usd: Decimal | None = None
    max_in_flight: int | None = None
    quote_deviation_pct: Decimal = Decimal(20)
    max_lost_deposits: int | None = 2
    cost_ratio: CostRatio | None = None


@dataclass
class Levers:
    """What the operators have set, and whether it can be read."""

    threshold_payload: bytes = b"20.00\n"
    policy_payload: bytes | None = b"{}"
    ours_from: datetime | None = datetime.min  # noqa: DTZ901 - naive, as the tables; None: a cut-over is wanted

    breaker_reset_at: datetime = datetime.min  # noqa: DTZ901 - naive, as the tables

    def threshold(self, sql: Sql) -> tuple[Decimal, bool]:
        """The threshold in force: the secret's, else the last on record, else the newest batch's, else $20."""
        if (read := read_threshold(self.threshold_payload)) is not None:
            return read, True
        known = sql(LAST_THRESHOLD) or sql(NEWEST_BATCH)
        return (known[0]["threshold_usd"] if known else DEFAULT_THRESHOLD_USD), False

    def policy(self, sql: Sql) -> tuple[Policy | None, bool]:
        """The policy in force; None where none was ever valid."""
        if self.policy_payload is not None and (read := read_policy(self.policy_payload)) is not None:
            return read, True
        recorded = self.last_policy(sql)
        return (read_policy(recorded.encode()) if recorded else None), False

    @staticmethod
    def last_policy(sql: Sql) -> str | None:
        """The document that the last check went by; None where none was ever valid."""
        known = sql(LAST_POLICY)
        return known[0]["policy"] if known else None


def read_threshold(payload: bytes) -> Decimal | None:
    """A finite decimal above 0, with white space around it; None for anything else."""
    try:
        threshold_usd = Decimal(payload.decode().strip())
    except (UnicodeDecodeError, InvalidOperation):
        return None
    return threshold_usd if threshold_usd.is_finite() and threshold_usd > 0 else None


def read_policy(payload: bytes) -> Policy | None:
    """One JSON object of known keys and fitting values; None for anything else."""
    try:
        document = json.loads(payload, parse_float=Decimal)
    except ValueError:
        return None
    if not isinstance(document, dict) or document.keys() - {field.name for field in fields(Policy)}:
        return None
    try:
        return Policy(**{key: _value(key, value) for key, value in document.items()})
    except (TypeError, InvalidOperation):
        return None


def _value(key: str, value: Any) -> Any:
    if value is None and key not in ("paused", "quote_deviation_pct"):
        return None
    if key == "cost_ratio":
        return _cost_ratio(_kept(value, isinstance(value, dict) and value.keys() == {"start", "tau_hours"}))
    if key == "paused":
        return _kept(value, isinstance(value, bool))
    if key in ("max_payments", "max_in_flight", "max_lost_deposits"):
        return _kept(value, isinstance(value, int) and not isinstance(value, bool) and value > 0)
    return _number(value, Decimal(100 if key == "quote_deviation_pct" else "Infinity"))


def _cost_ratio(document: dict[str, Any]) -> CostRatio:
    return CostRatio(_number(document["start"], Decimal(1)), _number(document["tau_hours"], Decimal("Infinity")))


def _number(value: Any, highest: Decimal) -> Decimal:
    number = Decimal(str(_kept(value, not isinstance(value, bool))))
    return Decimal(_kept(number, number.is_finite() and 0 < number <= highest))


def _kept(value: Any, is_fitting: bool) -> Any:
    if not is_fitting:
        raise TypeError
    return value
