"""ChangeNow for an operator's question, from CHANGENOW_API_KEY and _URL: the functions' client, and its list."""

import os
from typing import Final

from ops.outside.environment import optional
from ops.outside.exchange_list import ExchangeList
from shared.environment import read_settings
from shared.outside.changenow import ChangeNow
from shared.settings import CHANGENOW_API_URL, SETTINGS

TIMEOUT_S: Final = 8  # somebody waits at the keyboard


def open_exchange() -> ChangeNow:
    """Return the client; raises SettingsInvalid without a key."""
    return ChangeNow(_url(), _key(), TIMEOUT_S)


def open_list(private_key: str | None) -> ExchangeList:
    """Return the list's client, by the private key where the partner has one; raises SettingsInvalid without any."""
    return ExchangeList(_url(), private_key or _key(), TIMEOUT_S)


def _key() -> str:
    (setting,) = (each for each in SETTINGS if each.name == "CHANGENOW_API_KEY")
    key: str = read_settings(os.environ, [setting])[setting.name]
    return key


def _url() -> str:
    return (optional("CHANGENOW_API_URL") or CHANGENOW_API_URL).rstrip("/")
