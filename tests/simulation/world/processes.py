"""A process of either function: wired as its main.py wires it, with a clock of its own, and connections to cut.

Google's clients take long to make and remember nothing of a process: those of one process serve the next ones too.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from shared.flow import callback, check
from shared.outside import changenow
from shared.outside.cloud_tasks import OrderQueue
from shared.outside.database import Database, open_database
from shared.outside.pubsub import EventPublisher
from shared.outside.secret_manager import SecretManager
from shared.settings import CallbackSettings, CheckSettings

Part = TypeVar("Part", OrderQueue, SecretManager, EventPublisher)

_clients: dict[tuple[type, str], Any] = {}  # by what they are for and where that is


class Process:
    """One instance; it knows nothing of the world but its settings and its clock."""

    def __init__(
        self,
        settings: tuple[CheckSettings, CallbackSettings],
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        *,
        skew: timedelta,
        with_events: bool,
    ) -> None:
        self.is_dead = False
        self.skew = skew
        self.backends: list[tuple[int, Any]] = []
        self._check_settings, self._callback_settings = settings
        self._clock = clock
        self._sleep = sleep
        self._with_events = with_events

    def now(self) -> datetime:
        """The time as this instance's clock has it."""
        return self._clock() + self.skew

    def opened(self, connection: Any) -> None:
        """Remember a connection, to cut it."""
        self.backends.append((int.from_bytes(connection._backend_key_data[:4], "big"), connection))

    @cached_property
    def check_desk(self) -> check.Desk:
        """Wire check_threshold."""
        settings = self._check_settings
        orders = OrderQueue(
            queue=settings.tasks_queue,
            url=settings.gchostpay1_url,
            invoker=settings.gchostpay1_invoker,
            emulator=settings.tasks_emulator,
            sleep=self._sleep,
        )
        secrets = SecretManager(settings.project, settings.secrets_emulator)
        return check.Desk(
            settings=settings,
            database=self._database,
            exchange=self._exchange,
            orders=_with_client(orders, settings.tasks_emulator),
            secrets=_with_client(secrets, settings.secrets_emulator),
            publisher=self._publisher,
            now=self.now,
        )

    @cached_property
    def callback_desk(self) -> callback.Desk:
        """Wire swap_executed."""
        return callback.Desk(
            settings=self._callback_settings,
            database=self._database,
            exchange=self._exchange,
            publisher=self._publisher,
            now=self.now,
        )

    def close(self) -> None:
        """Close what is open, whoever still had a use for it."""
        made = self.__dict__
        if "_database" in made:
            self._database.close()
        if "_exchange" in made:
            self._exchange._pool.clear()
        for _, connection in self.backends:
            for stream in (connection._sock, connection._usock):
                with suppress(OSError, AttributeError):  # closed already, or cut
                    stream.close()

    @cached_property
    def _database(self) -> Database:
        return open_database(self._check_settings.database)

    @cached_property
    def _exchange(self) -> changenow.ChangeNow:
        settings = self._check_settings
        return changenow.ChangeNow(settings.changenow_api_url, settings.changenow_api_key, settings.http_timeout_s)

    @cached_property
    def _publisher(self) -> EventPublisher | None:
        topic, emulator = self._check_settings.events_topic, self._check_settings.events_emulator
        if not (topic and self._with_events):
            return None
        return _with_client(EventPublisher(topic, emulator), emulator)


def _with_client(part: Part, address: str | None) -> Part:
    """Give a part the client that one like it has made before."""
    key = (type(part), str(address))
    if key not in _clients:
        part.client.get()
        _clients[key] = part.client
    part.client = _clients[key]
    return part
