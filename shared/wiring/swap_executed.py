"""The parts of swap_executed."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from shared import logs
from shared.flow.callback import CallbackDependencies
from shared.flow.health import Health
from shared.outside.changenow import ChangeNow
from shared.outside.database import open_database
from shared.outside.pubsub import open_publisher
from shared.settings import CallbackSettings, load_callback_settings


def start_callback(environ: Mapping[str, str]) -> CallbackDependencies:
    """Do what an instance does first: logs, settings, parts; raises SettingsInvalid."""
    logs.configure()
    settings = load_callback_settings(environ)
    logs.configure(settings.secrets)
    return wire_callback(settings)


def wire_callback(
    settings: CallbackSettings, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> CallbackDependencies:
    """Put the parts together, on a clock of one's own where that is wanted."""
    database = open_database(settings.database)
    return CallbackDependencies(
        settings=settings,
        database=database,
        health=Health(database),
        exchange=ChangeNow(settings.changenow_api_url, settings.changenow_api_key, settings.http_timeout_s),
        publisher=open_publisher(settings.events_topic, settings.events_emulator),
        now=now,
    )
