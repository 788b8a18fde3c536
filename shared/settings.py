"""The environment, read once into one frozen record; every missing or bad setting is named in one message.

The tables below are the whole list of what each function reads; Terraform's environment is compared with them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from shared.errors import MicroBatchError, SettingsInvalid
from shared.model.money import parse_amount

CHANGENOW_API_URL: Final = "https://api.changenow.io/v2"


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


@dataclass(frozen=True)
class DatabaseSettings:
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
    gchostpay1_url: str
    gchostpay1_invoker: str | None
    payout_address: str
    refund_address: str
    reconcile_grace: timedelta
    stuck_after: timedelta
    quote_age_max: timedelta


@dataclass(frozen=True)
class CallbackSettings(Settings):
    """What swap_executed needs."""

    token_age_max: timedelta


class _Environment:
    """Reads one variable after the other and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def get(self, name: str) -> str | None:
        """The value without surrounding white space (secrets written with echo end in a newline), or None."""
        return self._environ.get(name, "").strip() or None

    def required(self, name: str, parse: Callable[[str], Any] = str) -> Any:
        if self.get(name) is None:
            self.problems.append(f"{name} is not set")
            return None
        return self.optional(name, parse)

    def optional(self, name: str, parse: Callable[[str], Any], default: Any = None) -> Any:
        text = self.get(name)
        if text is None:
            return default
        try:
            return parse(text)
        except (ValueError, MicroBatchError) as error:
            self.problems.append(f"{name} {error}")
            return None


BOTH: Final = frozenset(
    {
        "GOOGLE_CLOUD_PROJECT",
        "SUCCESS_URL_SIGNING_KEY",
        "CHANGENOW_API_KEY",
        "CHANGENOW_API_URL",
        "DATABASE_URL",
        "CLOUD_SQL_CONNECTION_NAME",
        "CLOUD_SQL_IP_TYPE",
        "DATABASE_NAME_SECRET",
        "DATABASE_USER_SECRET",
        "DATABASE_PASSWORD_SECRET",
        "DATABASE_CONNECT_TIMEOUT_S",
        "DATABASE_STATEMENT_TIMEOUT_S",
        "DATABASE_LOCK_TIMEOUT_S",
        "HTTP_TIMEOUT_S",
        "BATCH_EVENTS_TOPIC",
        "PUBSUB_EMULATOR_HOST",
        "RECEIVED_DEVIATION_PCT",
    }
)
CHECK_THRESHOLD: Final = BOTH | frozenset(
    {
        "CLOUD_TASKS_PROJECT_ID",
        "CLOUD_TASKS_LOCATION",
        "GCHOSTPAY1_BATCH_QUEUE",
        "GCHOSTPAY1_URL",
        "GCHOSTPAY1_INVOKER",
        "HOST_WALLET_USDT_ADDRESS",
        "HOST_WALLET_ETH_ADDRESS",
        "CLOUD_TASKS_EMULATOR_HOST",
        "SECRET_MANAGER_EMULATOR_HOST",
        "RECONCILE_GRACE_S",
        "STUCK_AFTER_S",
        "QUOTE_AGE_MAX_S",
    }
)
SWAP_EXECUTED: Final = BOTH | {"TOKEN_AGE_MAX_S"}


def load_check_settings(environ: Mapping[str, str]) -> CheckSettings:
    """Read check_threshold's settings; raises SettingsInvalid naming every missing or bad one."""
    env = _Environment(environ)
    common = _common(env)
    project = env.optional("CLOUD_TASKS_PROJECT_ID", str, common["project"])
    location = env.required("CLOUD_TASKS_LOCATION")
    queue = env.required("GCHOSTPAY1_BATCH_QUEUE")
    own = {
        "tasks_queue": f"projects/{project}/locations/{location}/queues/{queue}",
        "tasks_emulator": env.optional("CLOUD_TASKS_EMULATOR_HOST", _host_and_port),
        "secrets_emulator": env.optional("SECRET_MANAGER_EMULATOR_HOST", _host_and_port),
        "gchostpay1_url": env.required("GCHOSTPAY1_URL", _http_url),
        "gchostpay1_invoker": env.optional("GCHOSTPAY1_INVOKER", str),
        "payout_address": env.required("HOST_WALLET_USDT_ADDRESS", _ethereum_address),
        "refund_address": env.required("HOST_WALLET_ETH_ADDRESS", _ethereum_address),
        "reconcile_grace": _seconds(env, "RECONCILE_GRACE_S", 20 * 60),
        "stuck_after": _seconds(env, "STUCK_AFTER_S", 60 * 60),
        "quote_age_max": _seconds(env, "QUOTE_AGE_MAX_S", 10 * 60),
    }
    _refuse_if_any(env.problems)
    return CheckSettings(**common, **own)


def load_callback_settings(environ: Mapping[str, str]) -> CallbackSettings:
    """Read swap_executed's settings; raises SettingsInvalid naming every missing or bad one."""
    env = _Environment(environ)
    common = _common(env)
    token_age_max = _seconds(env, "TOKEN_AGE_MAX_S", 25 * 60 * 60)
    _refuse_if_any(env.problems)
    return CallbackSettings(**common, token_age_max=token_age_max)


def load_database_settings(environ: Mapping[str, str]) -> DatabaseSettings:
    """Read the database's settings alone, as the migrations and the operators' tools need them."""
    env = _Environment(environ)
    database = _database(env)
    _refuse_if_any(env.problems)
    return database


def _common(env: _Environment) -> dict[str, Any]:
    project = env.required("GOOGLE_CLOUD_PROJECT")
    topic = env.optional("BATCH_EVENTS_TOPIC", str)
    return {
        "project": project,
        "database": _database(env),
        "signing_keys": env.required("SUCCESS_URL_SIGNING_KEY", _keys),
        "changenow_api_key": env.required("CHANGENOW_API_KEY"),
        "changenow_api_url": env.optional("CHANGENOW_API_URL", _http_url, CHANGENOW_API_URL),
        "http_timeout_s": env.optional("HTTP_TIMEOUT_S", _positive_whole, 10),
        "events_topic": _topic_path(project, topic),
        "events_emulator": env.optional("PUBSUB_EMULATOR_HOST", _host_and_port),
        "received_deviation_pct": env.optional("RECEIVED_DEVIATION_PCT", _percent, Decimal(50)),
    }


def _database(env: _Environment) -> DatabaseSettings:
    return DatabaseSettings(
        address=_address(env),
        connect_timeout_s=env.optional("DATABASE_CONNECT_TIMEOUT_S", _positive_whole, 10),
        statement_timeout_s=env.optional("DATABASE_STATEMENT_TIMEOUT_S", _positive_whole, 180),
        lock_timeout_s=env.optional("DATABASE_LOCK_TIMEOUT_S", _positive_whole, 20),
    )


def _address(env: _Environment) -> Any:
    if env.get("DATABASE_URL") is not None:
        return env.optional("DATABASE_URL", _database_url)
    if env.get("CLOUD_SQL_CONNECTION_NAME") is None:
        env.problems.append("neither DATABASE_URL nor CLOUD_SQL_CONNECTION_NAME is set")
        return None
    return DatabaseAddress(
        connection_name=env.required("CLOUD_SQL_CONNECTION_NAME", _connection_name),
        name=env.required("DATABASE_NAME_SECRET"),
        user=env.required("DATABASE_USER_SECRET"),
        password=env.required("DATABASE_PASSWORD_SECRET"),
        ip_type=env.optional("CLOUD_SQL_IP_TYPE", _ip_type, "PUBLIC"),
    )


def _seconds(env: _Environment, name: str, default: int) -> timedelta:
    return timedelta(seconds=env.optional(name, _whole, default) or 0)


def _refuse_if_any(problems: list[str]) -> None:
    if problems:
        raise SettingsInvalid("settings to mend: " + "; ".join(problems))


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    if not keys:
        raise ValueError("holds no key")
    return keys


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not an http(s) address")
    return text.rstrip("/")


def _host_and_port(text: str) -> str:
    if not re.fullmatch(r"[^\s/:]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}", text):
        raise ValueError("is not host:port")
    return text


def _ethereum_address(text: str) -> str:
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise ValueError("is not an Ethereum address (0x and 40 hex digits)")
    return text


def _connection_name(text: str) -> str:
    if text.count(":") < 2:
        raise ValueError("is not project:region:instance")
    return text


def _ip_type(text: str) -> str:
    if text.upper() not in ("PUBLIC", "PRIVATE", "PSC"):
        raise ValueError("is not PUBLIC, PRIVATE or PSC")
    return text.upper()


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("is not a whole number of seconds")
    return int(text)


def _positive_whole(text: str) -> int:
    if _whole(text) == 0:
        raise ValueError("must be above 0 seconds")
    return int(text)


def _percent(text: str) -> Decimal:
    percent = parse_amount(text)
    if percent <= 0:
        raise ValueError("is not a percentage above 0")
    return percent


def _topic_path(project: str, topic: str | None) -> str | None:
    if topic is None or topic.startswith("projects/"):
        return topic
    return f"projects/{project}/topics/{topic}"


def _database_url(text: str) -> DatabaseAddress:
    problem = "is not postgresql://user:password@host:port/name"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port or 5432
    except ValueError as error:
        raise ValueError(problem) from error
    name = parts.path.lstrip("/")
    if parts.scheme not in ("postgresql", "postgres") or not (host and name and parts.username):
        raise ValueError(problem)
    if parse_qsl(parts.query) or parts.fragment:
        raise ValueError("takes no options after the name")
    return DatabaseAddress(
        name=unquote(name),
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        host=host,
        port=port,
    )
