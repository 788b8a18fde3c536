"""The fence's object for an operator, from FENCE and STORAGE_EMULATOR_HOST."""

import os
from typing import Final

from shared.environment import read_settings
from shared.errors import SettingsInvalid
from shared.outside.storage import StorageObject, open_fence
from shared.settings import SETTINGS

NAMES: Final = ("FENCE", "STORAGE_EMULATOR_HOST")


def find_fence_object() -> StorageObject | None:
    """Return the object; None where no fence is set."""
    values = read_settings(os.environ, [setting for setting in SETTINGS if setting.name in NAMES])
    return open_fence(*(values[name] for name in NAMES))


def open_fence_object() -> StorageObject:
    """Return the object; raises SettingsInvalid where no fence is set."""
    found = find_fence_object()
    if found is None:
        raise SettingsInvalid("FENCE is not set: give the functions' own, gs://bucket/object")
    return found
