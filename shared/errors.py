"""Every error that the functions raise on purpose, in one small tree.

MicroBatchError
├── Refused                  what was asked can never succeed as asked; repeating it changes nothing
│   ├── SettingsInvalid      the environment lacks a setting or holds a bad one
│   ├── ControlInvalid       an operator's threshold or policy is not one
│   ├── TokenUnreadable      not a token of ours
│   ├── TokenRejected        signature wrong, or too old, or from the future
│   ├── ValueImpossible      well-formed, but no such amount, batch id or hash can exist
│   ├── BatchUnknown         no such batch
│   ├── BatchConflict        other exchange, other facts, wrong state, amount not confirmed
│   ├── ExchangeRefused      ChangeNow answered that it will not
│   ├── OrderRefused         Cloud Tasks answered that it will not: no task exists
│   └── RuleViolated         the database refused what would break a rule of money
└── Unavailable              may heal by itself; what happened is unknown until asked again
    ├── DatabaseUnavailable
    ├── ExchangeUnavailable
    ├── ExchangeUnfinished   ChangeNow answers, the swap is still under way
    ├── OrderUnknown         Cloud Tasks may or may not have the order
    ├── SecretUnavailable    (SecretMissing: it does not exist at all)
    └── EventsUnavailable
"""


class MicroBatchError(Exception):
    """The message says what happened and what to do; it never holds a secret."""


class Refused(MicroBatchError):
    """What was asked can never succeed as asked."""


class SettingsInvalid(Refused):
    """The environment lacks a setting or holds a bad one; the message names every one of them."""


class ControlInvalid(Refused):
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
    """ChangeNow answered with an error; *code* is its word, such as ``deposit_too_small``."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"ChangeNow refused ({status} {code}): {message}")
        self.code = code
        self.status = status


class OrderRefused(Refused):
    """Cloud Tasks refused the order, so that surely no task was made."""


class RuleViolated(Refused):
    """The database refused a write that breaks the rule named by *constraint*."""

    def __init__(self, constraint: str, message: str) -> None:
        super().__init__(f"the database refused ({constraint}): {message}")
        self.constraint = constraint


class Unavailable(MicroBatchError):
    """Something did not answer as it should; the state is as it was, and asking again is right."""


class DatabaseUnavailable(Unavailable):
    """PostgreSQL did not answer, or ended the transaction."""


class ExchangeUnavailable(Unavailable):
    """ChangeNow did not answer, or not in its own language."""


class ExchangeUnfinished(Unavailable):
    """The exchange has no final amount yet."""


class OrderUnknown(Unavailable):
    """Cloud Tasks may or may not have taken the order."""


class SecretUnavailable(Unavailable):
    """Secret Manager gave no value."""


class SecretMissing(SecretUnavailable):
    """The secret, or a version of it, does not exist."""


class EventsUnavailable(Unavailable):
    """A batch event could not be published now."""
