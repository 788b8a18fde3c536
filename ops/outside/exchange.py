"""ChangeNow for an operator's question: the same client as the functions', from CHANGENOW_API_KEY and _URL."""

from typing import Final

from ops.outside.environment import optional
from shared.errors import SettingsInvalid
from shared.outside.changenow import ChangeNow
from shared.settings import CHANGENOW_API_URL

TIMEOUT_S: Final = 8  # somebody waits at the keyboard


def open_exchange() -> ChangeNow:
    """Return the client; raises SettingsInvalid without a key."""
    key = optional("CHANGENOW_API_KEY")
    if key is None:
        raise SettingsInvalid("CHANGENOW_API_KEY is not set")
    url = (optional("CHANGENOW_API_URL") or CHANGENOW_API_URL).rstrip("/")
    return ChangeNow(url, key, TIMEOUT_S)
