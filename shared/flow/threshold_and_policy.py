"""The operators' two levers, read in every check: the threshold and the policy; the last valid one when that fails."""

from shared import logs
from shared.errors import LeverInvalid, MicroBatchError, SecretMissing, SecretUnavailable
from shared.model.money import dollars
from shared.model.policy import (
    DEFAULT_THRESHOLD_USD,
    POLICY_SECRET,
    THRESHOLD_SECRET,
    Policy,
    PolicyInForce,
    PolicySource,
    Threshold,
    parse_policy,
    parse_threshold,
    policy_on_record,
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


def get_micro_batch_policy(secrets: SecretManager, session: Session) -> PolicyInForce:
    """Read the policy; the one that held last when that fails, with a warning.

    A secret that does not exist means no policy, unless there was one: it may be gone by mistake. A document that is
    none does not count as an absent one: it may have been meant to pause.
    """
    try:
        return PolicyInForce(parse_policy(secrets.read_latest(POLICY_SECRET).payload), PolicySource.DOCUMENT)
    except (SecretUnavailable, LeverInvalid) as error:
        last = _get_last_policy(session)
        if isinstance(error, SecretMissing) and last.source is not PolicySource.DOCUMENT:
            return PolicyInForce(Policy(), PolicySource.ABSENT)
        if isinstance(error, LeverInvalid) and last.source is PolicySource.ABSENT:
            last = PolicyInForce(Policy(), PolicySource.NONE)
        _warn_of_policy(error, last)
        return last


def _warn_of_policy(error: MicroBatchError, last: PolicyInForce) -> None:
    if last.source is PolicySource.NONE:
        goes_on = "none was ever valid, so that nothing is opened; see ./microbatch policy show"
    elif isinstance(error, SecretMissing):
        goes_on = "going on with the last valid one; for no policy, add a version {}"
    else:
        goes_on = "going on with the last valid one"
    logs.warning(logs.Event.POLICY_FALLBACK, f"{error}; {goes_on}", reason=type(error).__name__)


def _get_last_policy(session: Session) -> PolicyInForce:
    row = session.row("get_last_valid_policy")
    return policy_on_record(row["policy"] if row else None)


def _get_last_valid_threshold(session: Session) -> Threshold:
    row = session.row("get_last_valid_threshold")
    return Threshold(**row) if row else Threshold(DEFAULT_THRESHOLD_USD, "default")
