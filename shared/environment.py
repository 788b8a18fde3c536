"""Reading environment variables: one declaration a setting, and everything wrong with their values said at once."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from shared.errors import MicroBatchError, SettingsInvalid
from shared.model.money import parse_amount

SECRET_CHARACTERS_MIN: Final = 8  # a shorter one is soon guessed, and blotting it out would spoil every other word


class Need(StrEnum):
    """Whether a setting has to be there."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    ADDRESS = "instead of DATABASE_URL"  # required where that one is not set
    PASSWORD = "neither with DATABASE_URL nor with IAM"  # noqa: S105 - required where neither is set


class Setting(NamedTuple):
    """A variable: what it means, who reads it, how, and what stands for it where it is not set."""

    name: str
    meaning: str
    readers: frozenset[str]
    parse: Callable[[str], Any] = str
    need: Need = Need.REQUIRED
    default: str | None = None


def read_settings(environ: Mapping[str, str], settings: Iterable[Setting]) -> dict[str, Any]:
    """Read every setting's value by name; raises SettingsInvalid naming every missing or bad one.

    White space around a value does not count: secrets written with echo end in a newline.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    has_address = bool(environ.get("DATABASE_URL", "").strip())
    has_token = environ.get("CLOUD_SQL_IAM_LOGIN", "").strip().lower() == "true"
    for setting in settings:
        text = environ.get(setting.name, "").strip() or setting.default
        values[setting.name] = None
        if text is None:
            if setting.need is Need.REQUIRED:
                problems.append(f"{setting.name} is not set")
            elif setting.need is Need.ADDRESS and not has_address:
                problems.append(f"{setting.name} is not set, nor is DATABASE_URL")
            elif setting.need is Need.PASSWORD and not has_address and not has_token:
                problems.append(f"{setting.name} is not set, nor is DATABASE_URL, nor CLOUD_SQL_IAM_LOGIN true")
            continue
        try:
            values[setting.name] = setting.parse(text)
        except (ValueError, MicroBatchError) as error:
            problems.append(f"{setting.name} {error}")
    if problems:
        raise SettingsInvalid("settings to mend: " + "; ".join(problems))
    return values


def parse_secret(text: str) -> str:
    """Read a key or a password; what is wrong with one is said without showing any of it."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError("holds a character other than printable ASCII (a line break inside?)")
    if len(text) < SECRET_CHARACTERS_MIN:
        raise ValueError(f"holds a secret of fewer than {SECRET_CHARACTERS_MIN} characters")
    return text


def parse_keys(text: str) -> tuple[str, ...]:
    """Read keys separated by commas."""
    keys = tuple(parse_secret(key.strip()) for key in text.split(",") if key.strip())
    if not keys:
        raise ValueError("holds no key")
    return keys


def parse_http_url(text: str) -> str:
    """Read an address, without a slash at its end."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not an http(s) address")
    return text.rstrip("/")


def parse_host_and_port(text: str) -> str:
    """Read the address of a stand-in."""
    if not re.fullmatch(r"[^\s/:]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}", text):
        raise ValueError("is not host:port")
    return text


def parse_object_url(text: str) -> tuple[str, str]:
    """Read the address of an object in Cloud Storage: its bucket and its name."""
    found = re.fullmatch(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/([!-~]{1,1024})", text)
    if not found or found[2].endswith("/"):
        raise ValueError("is not gs://bucket/object")
    return found[1], found[2]


def parse_ethereum_address(text: str) -> str:
    """Read a wallet's address."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise ValueError("is not an Ethereum address (0x and 40 hex digits)")
    return text


def parse_connection_name(text: str) -> str:
    """Read the name of a Cloud SQL instance."""
    if text.count(":") < 2:
        raise ValueError("is not project:region:instance")
    return text


def parse_ip_type(text: str) -> str:
    """Read the kind of address by which a Cloud SQL instance is reached."""
    if text.upper() not in ("PUBLIC", "PRIVATE", "PSC"):
        raise ValueError("is not PUBLIC, PRIVATE or PSC")
    return text.upper()


def parse_yes_or_no(text: str) -> bool:
    """Read true or false."""
    if text.lower() not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return text.lower() == "true"


def parse_seconds(text: str) -> int:
    """Read a whole number of seconds above 0."""
    if _parse_whole(text) == 0:
        raise ValueError("must be above 0 seconds")
    return int(text)


def parse_seconds_up_to(seconds_max: int) -> Callable[[str], int]:
    """Return what reads a whole number of seconds above 0 and not above *seconds_max*."""

    def parse(text: str) -> int:
        if parse_seconds(text) > seconds_max:
            raise ValueError(f"must not be above {seconds_max} seconds")
        return int(text)

    return parse


def parse_count(text: str) -> int:
    """Read a whole number above 0."""
    if _parse_whole(text) == 0:
        raise ValueError("must be above 0")
    return int(text)


def parse_duration(text: str) -> timedelta:
    """Read a whole number of seconds, which may be 0."""
    return timedelta(seconds=_parse_whole(text))


def parse_percent(text: str) -> Decimal:
    """Read a percentage above 0."""
    percent = parse_amount(text)
    if percent <= 0:
        raise ValueError("is not a percentage above 0")
    return percent


def _parse_whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("is not a whole number of seconds")
    return int(text)
