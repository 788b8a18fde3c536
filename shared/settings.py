"""The environment, read once into one frozen record; every missing or bad setting is named in one message.

SETTINGS is the whole list of what the functions read: Terraform's environment and the documents are compared with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from shared.environment import (
    Need,
    Setting,
    parse_connection_name,
    parse_count,
    parse_duration,
    parse_ethereum_address,
    parse_host_and_port,
    parse_http_url,
    parse_ip_type,
    parse_keys,
    parse_object_url,
    parse_percent,
    parse_seconds,
    parse_seconds_up_to,
    parse_secret,
    parse_yes_or_no,
    read_settings,
)
from shared.model.policy import POLICY_SECRET, THRESHOLD_SECRET

CHANGENOW_API_URL: Final = "https://api.changenow.io/v2"
HTTP_TIMEOUT_MAX_S: Final = (
    12  # a quote asks 13 times at most between two statements, and the check's lock waits for 300 s
)


@dataclass(frozen=True)
class DatabaseAddress:
    """Where PostgreSQL is: a Cloud SQL connection name, or a host and a port."""

    name: str
    user: str
    password: str = field(repr=False)
    host: str = ""
    port: int = 5432
    connection_name: str = ""
    ip_type: str = "PUBLIC"
    iam_login: bool = False


class DatabaseSettings(NamedTuple):
    """The database's address and how long anything with it may take, in seconds."""

    address: DatabaseAddress
    connect_timeout_s: int
    statement_timeout_s: int
    lock_timeout_s: int


@dataclass(frozen=True)
class Settings:
    """What both functions need."""

    project: str
    database: DatabaseSettings
    signing_keys: tuple[str, ...] = field(repr=False)
    changenow_api_key: str = field(repr=False)
    changenow_api_url: str
    http_timeout_s: int
    events_topic: str | None
    events_emulator: str | None
    received_deviation_pct: Decimal

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never reach a log."""
        return (*self.signing_keys, self.changenow_api_key, self.database.address.password)


@dataclass(frozen=True)
class CheckSettings(Settings):
    """What check_threshold needs."""

    tasks_queue: str
    tasks_emulator: str | None
    secrets_emulator: str | None
    threshold_secret_id: str
    policy_secret_id: str
    gchostpay1_url: str
    gchostpay1_invoker: str | None
    payout_address: str
    refund_address: str
    fence: tuple[str, str] | None
    storage_emulator: str | None
    reconcile_grace: timedelta
    stuck_after: timedelta
    quote_age_max: timedelta
    batch_payments_max: int


@dataclass(frozen=True)
class CallbackSettings(Settings):
    """What swap_executed needs."""

    token_age_max: timedelta


def _parse_database_url(text: str) -> DatabaseAddress:
    problem = "is not postgresql://user:password@host:port/name"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port or 5432
    except ValueError as error:
        raise ValueError(problem) from error
    name = parts.path.lstrip("/")
    if parts.scheme not in ("postgresql", "postgres") or not (host and name and parts.username and text.isprintable()):
        raise ValueError(problem)
    if parse_qsl(parts.query) or parts.fragment:
        raise ValueError("takes no options after the name")
    return DatabaseAddress(
        name=unquote(name),
        user=unquote(parts.username),
        password=parse_secret(unquote(parts.password)) if parts.password else "",
        host=host,
        port=port,
    )


_CHECK: Final = frozenset({"check_threshold"})
_CALLBACK: Final = frozenset({"swap_executed"})
_BOTH: Final = _CHECK | _CALLBACK
_OPTIONAL: Final = Need.OPTIONAL
_STAND_IN: Final = "`host:port` of a local stand-in"

DATABASE_SETTINGS: Final = (
    Setting(
        "DATABASE_URL",
        "`postgresql://user:password@host:port/name`, instead of Cloud SQL",
        _BOTH,
        _parse_database_url,
        _OPTIONAL,
    ),
    Setting(
        "CLOUD_SQL_CONNECTION_NAME",
        "`project:region:instance`, reached through Cloud SQL's connector",
        _BOTH,
        parse_connection_name,
        Need.ADDRESS,
    ),
    Setting("CLOUD_SQL_IP_TYPE", "`PUBLIC`, `PRIVATE` or `PSC`", _BOTH, parse_ip_type, default="PUBLIC"),
    Setting("DATABASE_NAME_SECRET", "the database's name, as the platform injects it", _BOTH, need=Need.ADDRESS),
    Setting("DATABASE_USER_SECRET", "its user", _BOTH, need=Need.ADDRESS),
    Setting("DATABASE_PASSWORD_SECRET", "the user's password", _BOTH, parse_secret, need=Need.PASSWORD),
    Setting(
        "CLOUD_SQL_IAM_LOGIN",
        "`true`: the function's own account is the user, and a token its password",
        _BOTH,
        parse_yes_or_no,
        default="false",
    ),
    Setting("DATABASE_CONNECT_TIMEOUT_S", "how long connecting may take", _BOTH, parse_seconds, default="10"),
    Setting("DATABASE_STATEMENT_TIMEOUT_S", "how long a statement may take", _BOTH, parse_seconds, default="180"),
    Setting("DATABASE_LOCK_TIMEOUT_S", "how long a lock may be waited for", _BOTH, parse_seconds, default="20"),
)
SETTINGS: Final = (
    Setting("GOOGLE_CLOUD_PROJECT", "where secrets and topics are", _BOTH),
    Setting(
        "SUCCESS_URL_SIGNING_KEY",
        "token keys, comma-separated: the first signs, all are accepted",
        _BOTH,
        parse_keys,
    ),
    Setting("CHANGENOW_API_KEY", "the key for ChangeNow's API", _BOTH, parse_secret),
    Setting("CHANGENOW_API_URL", "where that API is", _BOTH, parse_http_url, default=CHANGENOW_API_URL),
    Setting(
        "HTTP_TIMEOUT_S",
        f"how long one question to ChangeNow may take in all, repetitions included; {HTTP_TIMEOUT_MAX_S} at most",
        _BOTH,
        parse_seconds_up_to(HTTP_TIMEOUT_MAX_S),
        default="10",
    ),
    *DATABASE_SETTINGS,
    Setting("BATCH_EVENTS_TOPIC", "where batch events go: a topic id or a full path", _BOTH, need=_OPTIONAL),
    Setting("PUBSUB_EMULATOR_HOST", _STAND_IN, _BOTH, parse_host_and_port, _OPTIONAL),
    Setting(
        "RECEIVED_DEVIATION_PCT",
        "how far an amount may stray from the payments' dollars before a person must look",
        _BOTH,
        parse_percent,
        default="20",
    ),
    Setting("CLOUD_TASKS_PROJECT_ID", "the queue's project; else `GOOGLE_CLOUD_PROJECT`", _CHECK, need=_OPTIONAL),
    Setting("CLOUD_TASKS_LOCATION", "the queue's region", _CHECK),
    Setting("GCHOSTPAY1_BATCH_QUEUE", "the queue of payment orders", _CHECK),
    Setting("GCHOSTPAY1_URL", "where the orders go", _CHECK, parse_http_url),
    Setting("GCHOSTPAY1_INVOKER", "a service account that adds an OIDC token to an order", _CHECK, need=_OPTIONAL),
    Setting("THRESHOLD_SECRET_ID", "the secret that holds the threshold", _CHECK, default=THRESHOLD_SECRET),
    Setting("POLICY_SECRET_ID", "the secret that holds the policy", _CHECK, default=POLICY_SECRET),
    Setting("HOST_WALLET_USDT_ADDRESS", "the payout address", _CHECK, parse_ethereum_address),
    Setting("HOST_WALLET_ETH_ADDRESS", "the refund address", _CHECK, parse_ethereum_address),
    Setting(
        "FENCE",
        "`gs://bucket/object`, where the newest order is known outside the database",
        _CHECK,
        parse_object_url,
        _OPTIONAL,
    ),
    Setting("STORAGE_EMULATOR_HOST", _STAND_IN, _CHECK, parse_host_and_port, _OPTIONAL),
    Setting("CLOUD_TASKS_EMULATOR_HOST", _STAND_IN, _CHECK, parse_host_and_port, _OPTIONAL),
    Setting("SECRET_MANAGER_EMULATOR_HOST", _STAND_IN, _CHECK, parse_host_and_port, _OPTIONAL),
    Setting(
        "RECONCILE_GRACE_S",
        "how long a batch's callback is waited for before ChangeNow is asked",
        _CHECK,
        parse_duration,
        default="1200",
    ),
    Setting(
        "STUCK_AFTER_S",
        "how long a batch may stand still before a person is told",
        _CHECK,
        parse_duration,
        default="3600",
    ),
    Setting("QUOTE_AGE_MAX_S", "how old a quote may be that is ordered", _CHECK, parse_duration, default="600"),
    Setting("BATCH_PAYMENTS_MAX", "payments in one batch, at most", _CHECK, parse_count, default="1000000"),
    Setting("TOKEN_AGE_MAX_S", "how old a callback's token may be", _CALLBACK, parse_duration, default="90000"),
)


def names_read_by(function: str) -> frozenset[str]:
    """Return the variables that a function reads."""
    return frozenset(setting.name for setting in _settings_of(function))


def load_check_settings(environ: Mapping[str, str]) -> CheckSettings:
    """Read check_threshold's settings; raises SettingsInvalid naming every missing or bad one."""
    values = read_settings(environ, _settings_of("check_threshold"))
    project = values["CLOUD_TASKS_PROJECT_ID"] or values["GOOGLE_CLOUD_PROJECT"]
    location, queue = values["CLOUD_TASKS_LOCATION"], values["GCHOSTPAY1_BATCH_QUEUE"]
    return CheckSettings(
        **_common(values),
        tasks_queue=f"projects/{project}/locations/{location}/queues/{queue}",
        tasks_emulator=values["CLOUD_TASKS_EMULATOR_HOST"],
        secrets_emulator=values["SECRET_MANAGER_EMULATOR_HOST"],
        threshold_secret_id=values["THRESHOLD_SECRET_ID"],
        policy_secret_id=values["POLICY_SECRET_ID"],
        gchostpay1_url=values["GCHOSTPAY1_URL"],
        gchostpay1_invoker=values["GCHOSTPAY1_INVOKER"],
        payout_address=values["HOST_WALLET_USDT_ADDRESS"],
        refund_address=values["HOST_WALLET_ETH_ADDRESS"],
        fence=values["FENCE"],
        storage_emulator=values["STORAGE_EMULATOR_HOST"],
        reconcile_grace=values["RECONCILE_GRACE_S"],
        stuck_after=values["STUCK_AFTER_S"],
        quote_age_max=values["QUOTE_AGE_MAX_S"],
        batch_payments_max=values["BATCH_PAYMENTS_MAX"],
    )


def load_callback_settings(environ: Mapping[str, str]) -> CallbackSettings:
    """Read swap_executed's settings; raises SettingsInvalid naming every missing or bad one."""
    values = read_settings(environ, _settings_of("swap_executed"))
    return CallbackSettings(**_common(values), token_age_max=values["TOKEN_AGE_MAX_S"])


def load_database_settings(environ: Mapping[str, str]) -> DatabaseSettings:
    """Read the database's settings alone, as the migrations and the operators' tools need them."""
    return _database(read_settings(environ, DATABASE_SETTINGS))


def _settings_of(function: str) -> tuple[Setting, ...]:
    return tuple(setting for setting in SETTINGS if function in setting.readers)


def _common(values: dict[str, Any]) -> dict[str, Any]:
    topic = values["BATCH_EVENTS_TOPIC"]
    if topic and not topic.startswith("projects/"):
        topic = f"projects/{values['GOOGLE_CLOUD_PROJECT']}/topics/{topic}"
    return {
        "project": values["GOOGLE_CLOUD_PROJECT"],
        "database": _database(values),
        "signing_keys": values["SUCCESS_URL_SIGNING_KEY"],
        "changenow_api_key": values["CHANGENOW_API_KEY"],
        "changenow_api_url": values["CHANGENOW_API_URL"],
        "http_timeout_s": values["HTTP_TIMEOUT_S"],
        "events_topic": topic,
        "events_emulator": values["PUBSUB_EMULATOR_HOST"],
        "received_deviation_pct": values["RECEIVED_DEVIATION_PCT"],
    }


def _database(values: dict[str, Any]) -> DatabaseSettings:
    return DatabaseSettings(
        address=values["DATABASE_URL"]
        or DatabaseAddress(
            connection_name=values["CLOUD_SQL_CONNECTION_NAME"],
            name=values["DATABASE_NAME_SECRET"],
            user=values["DATABASE_USER_SECRET"],
            password=values["DATABASE_PASSWORD_SECRET"] or "",
            ip_type=values["CLOUD_SQL_IP_TYPE"],
            iam_login=values["CLOUD_SQL_IAM_LOGIN"],
        ),
        connect_timeout_s=values["DATABASE_CONNECT_TIMEOUT_S"],
        statement_timeout_s=values["DATABASE_STATEMENT_TIMEOUT_S"],
        lock_timeout_s=values["DATABASE_LOCK_TIMEOUT_S"],
    )
