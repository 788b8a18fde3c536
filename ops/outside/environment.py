"""The operator's shell: the few settings that a verb needs, with the names that the functions use."""

import os
from typing import Final

from shared.errors import SettingsInvalid
from shared.settings import CheckSettings, load_check_settings

PROJECT: Final = "GOOGLE_CLOUD_PROJECT"
TRIGGER_TOPIC: Final = "MICRO_BATCH_TRIGGER_TOPIC"
DEFAULT_TRIGGER_TOPIC: Final = "micro-batch-trigger"  # as Terraform calls it


def optional(name: str) -> str | None:
    """Read one variable without surrounding white space, or None."""
    return os.environ.get(name, "").strip() or None


def project() -> str:
    """Read the project's id; raises SettingsInvalid."""
    value = optional(PROJECT)
    if value is None:
        raise SettingsInvalid(f"{PROJECT} is not set")
    return value


def trigger_topic() -> str:
    """Return the full path of the topic that starts checks."""
    topic = optional(TRIGGER_TOPIC) or DEFAULT_TRIGGER_TOPIC
    return topic if topic.startswith("projects/") else f"projects/{project()}/topics/{topic}"


def check_settings() -> CheckSettings:
    """Read what check_threshold reads: a verb that decides as a check needs all of it; raises SettingsInvalid."""
    return load_check_settings(os.environ)
