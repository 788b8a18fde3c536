"""Every error that the functions raise on purpose, in one small tree.

MicroBatchError
├── Refused                  what was asked can never succeed as asked; repeating it changes nothing
│   ├── SettingsInvalid      the environment lacks a setting or holds a bad one
│   ├── LeverInvalid         an operator's threshold or policy is not one
│   ├── TokenUnreadable      not a token of ours
│   ├── TokenRejected        signature wrong, or too old, or from the future
│   ├── ValueImpossible      well-formed, but no such amount, batch id or hash can exist
│   ├── BatchUnknown         no such batch
│   ├── BatchConflict        other exchange, other facts, wrong state, amount not confirmed
│   ├── ExchangeRefused      the exchange answered that it will not
│   ├── NoQuote              no swap can be offered for these payments now
│   ├── PaymentsMoved        the payments claimed are not those of the quote; the claim is rolled back
│   ├── OrderRefused         Cloud Tasks answered that it will not: no task exists
│   ├── EventRefused         Pub/Sub answered that it will never take this event
│   ├── DatabaseBehind       the fence knows orders that the database has forgotten
│   ├── FenceLost            the fence is gone, or is none any more
│   └── RuleViolated         the database refused what would break a rule of money
└── Unavailable              may heal by itself; what happened is unknown until asked again
    ├── DatabaseUnavailable  (DatabaseBusy: it ended one statement and stands; LockUnavailable: somebody holds a lock)
    ├── CheckInProgress      another check is at work
    ├── ExchangeUnavailable
    ├── ExchangeUnfinished   the exchange answers, the swap is still under way
    ├── OrderUnknown         Cloud Tasks may or may not have the order
    ├── FenceUnavailable     (FenceMoved: somebody else wrote it meanwhile)
    ├── SecretUnavailable    (SecretMissing: it does not exist at all)
    └── EventsUnavailable
"""

from decimal import Decimal
from uuid import UUID

from shared.model.reasons import Reason


class MicroBatchError(Exception):
    """The message says what happened and what to do; it never holds a secret."""

    batch_conversion_id: UUID | None = None  # the batch that it happened to, where one is known


class Refused(MicroBatchError):
    """What was asked can never succeed as asked."""


class SettingsInvalid(Refused):
    """The environment lacks a setting or holds a bad one; the message names every one of them."""


class LeverInvalid(Refused):
    """An operator's threshold or policy is not one."""


class TokenUnreadable(Refused):
    """Not a token in the agreed wire format."""


class TokenRejected(Refused):
    """A token whose signature or age is not accepted."""


class ValueImpossible(Refused):
    """A value that is well-formed but cannot exist: a negative amount, a batch id that is no UUID."""


class BatchUnknown(Refused):
    """No batch has this id."""


class BatchConflict(Refused):
    """The batch is in another state, or known with other facts."""


class ExchangeRefused(Refused):
    """The exchange answered with an error; *code* is its own word, the flags say what it means."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        is_not_found: bool = False,
        is_below_minimum: bool = False,
        is_above_maximum: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.is_not_found = is_not_found
        self.is_below_minimum = is_below_minimum
        self.is_above_maximum = is_above_maximum


class NoQuote(Refused):
    """No swap can be offered for these payments now; *reason* says why, and what quote the guard refused if it did."""

    def __init__(self, reason: Reason, refused_usdt: Decimal | None = None) -> None:
        super().__init__(f"no quote: {reason}")
        self.reason = reason
        self.refused_usdt = refused_usdt


class PaymentsMoved(Refused):
    """The payments claimed are not those of the quote; raised to roll the claim back."""


class OrderRefused(Refused):
    """Cloud Tasks refused the order, so that surely no task was made."""


class EventRefused(Refused):
    """Pub/Sub will never take this event; the others are not held up by it."""


class DatabaseBehind(Refused):
    """The fence knows orders that the database has forgotten: it was restored from a backup."""


class FenceLost(Refused):
    """The fence was there and is gone, or what is there is none; a person must say what holds."""


class RuleViolated(Refused):
    """The database refused a write that breaks the rule named by *constraint*."""

    def __init__(self, constraint: str, message: str) -> None:
        super().__init__(f"the database refused ({constraint}): {message}")
        self.constraint = constraint


class Unavailable(MicroBatchError):
    """Something did not answer as it should; the state is as it was, and asking again is right."""


class DatabaseUnavailable(Unavailable):
    """PostgreSQL did not answer, or ended the transaction."""


class DatabaseBusy(DatabaseUnavailable):
    """PostgreSQL ended one statement (a time-out, a deadlock); what else there is to do can go on."""


class LockUnavailable(DatabaseBusy):
    """A lock was not given within the lock time-out."""


class CheckInProgress(Unavailable):
    """Another check is at work, and what was asked for is not what it was asked."""


class ExchangeUnavailable(Unavailable):
    """The exchange did not answer, or not in its own language."""


class ExchangeUnfinished(Unavailable):
    """The exchange has no final amount yet."""


class OrderUnknown(Unavailable):
    """Cloud Tasks may or may not have taken the order."""


class FenceUnavailable(Unavailable):
    """The fence could not be read or written, so that no order may leave."""


class FenceMoved(FenceUnavailable):
    """The fence is not the one that was read any more; nothing was written."""


class SecretUnavailable(Unavailable):
    """Secret Manager gave no value."""


class SecretMissing(SecretUnavailable):
    """The secret, or a version of it, does not exist."""


class EventsUnavailable(Unavailable):
    """A batch event could not be published now."""
