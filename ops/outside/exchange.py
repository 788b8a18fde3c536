"""ChangeNow for an operator's question: the same client as the functions', from CHANGENOW_API_KEY and _URL."""

import os
from typing import Final

from ops.outside.environment import optional
from shared.environment import read_settings
from shared.outside.changenow import ChangeNow
from shared.settings import CHANGENOW_API_URL, SETTINGS

TIMEOUT_S: Final = 8  # somebody waits at the keyboard


def open_exchange() -> ChangeNow:
    """Return the client; raises SettingsInvalid without a key."""
    (setting,) = (each for each in SETTINGS if each.name == "CHANGENOW_API_KEY")
    key: str = read_settings(os.environ, [setting])[setting.name]
    url = (optional("CHANGENOW_API_URL") or CHANGENOW_API_URL).rstrip("/")
    return ChangeNow(url, key, TIMEOUT_S)
