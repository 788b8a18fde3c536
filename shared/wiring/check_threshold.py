"""The parts of check_threshold."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from shared import logs
from shared.flow.context import CheckDependencies
from shared.model.policy import POLICY_SECRET, THRESHOLD_SECRET
from shared.outside.changenow import ChangeNow
from shared.outside.cloud_tasks import OrderQueue
from shared.outside.database import open_database
from shared.outside.pubsub import open_publisher
from shared.outside.secret_manager import SecretManager
from shared.outside.statements import STATEMENTS, Statements
from shared.outside.storage import open_fence
from shared.settings import CheckSettings, load_check_settings


def start_check(environ: Mapping[str, str]) -> CheckDependencies:
    """Do what an instance does first: logs, settings, parts; raises SettingsInvalid."""
    logs.configure()
    settings = load_check_settings(environ)
    logs.configure(settings.secrets)
    dependencies = wire_check(settings)
    dependencies.secrets.client.prepare()  # while the database is being connected to
    return dependencies


def wire_check(
    settings: CheckSettings,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
    statements: Statements = STATEMENTS,
) -> CheckDependencies:
    """Put the parts together, on a clock of one's own where that is wanted."""
    return CheckDependencies(
        settings=settings,
        database=open_database(settings.database, statements),
        exchange=ChangeNow(settings.changenow_api_url, settings.changenow_api_key, settings.http_timeout_s),
        orders=OrderQueue(
            queue=settings.tasks_queue,
            url=settings.gchostpay1_url,
            invoker=settings.gchostpay1_invoker,
            emulator=settings.tasks_emulator,
            sleep=sleep,
        ),
        secrets=SecretManager(
            settings.project,
            settings.secrets_emulator,
            {THRESHOLD_SECRET: settings.threshold_secret_id, POLICY_SECRET: settings.policy_secret_id},
        ),
        fence=open_fence(settings.fence, settings.storage_emulator),
        publisher=open_publisher(settings.events_topic, settings.events_emulator),
        now=now,
        sleep=sleep,
    )
