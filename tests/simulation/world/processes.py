"""A process of either function: wired as production wires it, with a clock of its own, and connections to cut.

Google's clients take long to make and remember nothing of a process: those of one process serve the next ones too.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from shared.flow.callback import CallbackDependencies
from shared.flow.context import CheckDependencies
from shared.outside.cloud_tasks import OrderQueue
from shared.outside.pubsub import EventPublisher
from shared.outside.secret_manager import SecretManager
from shared.settings import CallbackSettings, CheckSettings
from shared.wiring.check_threshold import wire_check
from shared.wiring.swap_executed import wire_callback

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
    def check(self) -> CheckDependencies:
        """Wire check_threshold."""
        parts = wire_check(self._check_settings, now=self.now, sleep=self._sleep)
        _share_client(parts.orders, self._check_settings.tasks_emulator)
        _share_client(parts.secrets, self._check_settings.secrets_emulator)
        return replace(parts, publisher=self._share_publisher(parts.publisher))

    @cached_property
    def callback(self) -> CallbackDependencies:
        """Wire swap_executed."""
        parts = wire_callback(self._callback_settings, now=self.now)
        return replace(parts, publisher=self._share_publisher(parts.publisher))

    def close(self) -> None:
        """Close what is open, whoever still had a use for it."""
        for parts in (self.__dict__.get("check"), self.__dict__.get("callback")):
            if parts is not None:
                parts.database.close()
                parts.exchange._http._pools.clear()
        for _, connection in self.backends:
            for stream in (connection._sock, connection._usock):
                with suppress(OSError, AttributeError):  # closed already, or cut
                    stream.close()

    def _share_publisher(self, publisher: EventPublisher | None) -> EventPublisher | None:
        if publisher is None or not self._with_events:
            return None
        _share_client(publisher, self._check_settings.events_emulator)
        return publisher


def _share_client(part: OrderQueue | SecretManager | EventPublisher, address: str | None) -> None:
    """Give a part the client that one like it has made before."""
    key = (type(part), str(address))
    if key not in _clients:
        part.client.get()
        _clients[key] = part.client
    part.client = _clients[key]
