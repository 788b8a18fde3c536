"""The operators' two levers, read in every check: the threshold and the policy; the last valid one when that fails."""

from shared import logs
from shared.errors import LeverInvalid, SecretMissing, SecretUnavailable
from shared.model.money import dollars
from shared.model.policy import (
    DEFAULT_THRESHOLD_USD,
    POLICY_SECRET,
    THRESHOLD_SECRET,
    Policy,
    Threshold,
    parse_policy,
    parse_threshold,
)
from shared.outside.database import Session
from shared.outside.secret_manager import SecretManager


def get_micro_batch_threshold(secrets: SecretManager, session: Session) -> Threshold:
    """Read the threshold; when it cannot be read or is none, the last valid one on record, else $20, with a warning."""
    try:
        return Threshold(parse_threshold(secrets.read_latest(THRESHOLD_SECRET).payload), "secret")
    except (SecretUnavailable, LeverInvalid) as error:
        fallback = _get_last_valid_threshold(session)
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
    except (SecretUnavailable, LeverInvalid) as error:
        logs.warning(
            logs.Event.POLICY_FALLBACK,
            f"{error}; going on with the last valid one",
            reason=type(error).__name__,
        )
        row = session.row("get_last_valid_policy")
        return parse_policy(row["policy"].encode()) if row else Policy()


def _get_last_valid_threshold(session: Session) -> Threshold:
    row = session.row("get_last_valid_threshold")
    return Threshold(**row) if row else Threshold(DEFAULT_THRESHOLD_USD, "default")
