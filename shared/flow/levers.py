"""The operators' two levers, read in every check: the threshold and the policy; the last valid one when that fails."""

import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Final

from shared import logs
from shared.errors import ControlInvalid, SecretMissing, SecretUnavailable
from shared.model.money import dollars, plain
from shared.model.policy import DEFAULT_THRESHOLD_USD, Policy, parse_policy, parse_threshold
from shared.outside.database import Session
from shared.outside.secret_manager import SecretManager

THRESHOLD_SECRET: Final = "MICRO_BATCH_THRESHOLD_USD"  # noqa: S105 - a name, no value
POLICY_SECRET: Final = "MICRO_BATCH_POLICY"  # noqa: S105 - a name, no value


@dataclass(frozen=True)
class Threshold:
    """The threshold in force and where it comes from: secret, last_valid, newest_batch or default."""

    threshold_usd: Decimal
    source: str


def get_micro_batch_threshold(secrets: SecretManager, session: Session) -> Threshold:
    """Read the threshold; when it cannot be read or is none, the last valid one on record, else $20, with a warning."""
    try:
        payload = secrets.read_latest(THRESHOLD_SECRET).payload
        return Threshold(parse_threshold(payload), "secret")
    except (SecretUnavailable, ControlInvalid) as error:
        fallback = _last_valid_threshold(session)
        logs.warning(
            logs.Event.THRESHOLD_FALLBACK,
            f"{error}; going on with {dollars(fallback.threshold_usd)} ({fallback.source})",
            threshold_usd=fallback.threshold_usd,
            source=fallback.source,
            reason=type(error).__name__,
        )
        return fallback


def get_micro_batch_policy(secrets: SecretManager, session: Session) -> Policy:
    """Read the policy; no secret means no policy, and one that cannot be read or is bad means the last valid one."""
    try:
        return parse_policy(secrets.read_latest(POLICY_SECRET).payload)
    except SecretMissing:
        return Policy()
    except (SecretUnavailable, ControlInvalid) as error:
        logs.warning(
            logs.Event.POLICY_FALLBACK,
            f"{error}; going on with the last valid one",
            reason=type(error).__name__,
        )
        with session.transaction() as transaction:
            row = transaction.row("get_last_valid_policy")
        return parse_policy(row["policy"].encode()) if row else Policy()


def policy_text(policy: Policy) -> str:
    """Write a policy as the document that parse_policy reads."""
    values = asdict(policy).items()
    return json.dumps({key: plain(value) if isinstance(value, Decimal) else value for key, value in values})


def _last_valid_threshold(session: Session) -> Threshold:
    with session.transaction() as transaction:
        row = transaction.row("get_last_valid_threshold")
    return Threshold(row["threshold_usd"], row["source"]) if row else Threshold(DEFAULT_THRESHOLD_USD, "default")
