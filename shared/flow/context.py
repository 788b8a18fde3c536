"""What a check works with: the parts of its process, and what belongs to this one check alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.flow.fence import CheckFence
from shared.model.exchange import Exchange
from shared.model.policy import Policy
from shared.outside.cloud_tasks import OrderQueue
from shared.outside.database import Database, Session
from shared.outside.pubsub import EventPublisher
from shared.outside.secret_manager import SecretManager
from shared.outside.storage import StorageObject
from shared.settings import CheckSettings

# How old a check may be when it begins something more of each kind; what is left then waits for the next. Peers that
# answer slowly, each within its deadline, would otherwise keep it beyond the 540 s that the platform gives it.
RESUMING_FOR: Final = timedelta(seconds=100)
ASKING_FOR: Final = timedelta(seconds=170)
OPENING_FOR: Final = timedelta(seconds=230)


@dataclass(frozen=True)
class CheckDependencies:
    """What check_threshold works with, made once per process; *now* gives aware UTC."""

    settings: CheckSettings
    database: Database
    exchange: Exchange
    orders: OrderQueue
    secrets: SecretManager
    fence: StorageObject | None
    publisher: EventPublisher | None
    now: Callable[[], datetime]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class CheckContext:
    """One check in flight: its own database session, the peers it calls, what it was told, its clock (aware UTC)."""

    settings: CheckSettings
    session: Session
    exchange: Exchange
    orders: OrderQueue
    fence: CheckFence
    policy: Policy
    began_at: datetime
    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def has_time(self, age_max: timedelta) -> bool:
        """Tell whether the check is still young enough to begin something of a kind."""
        return self.now() - self.began_at < age_max
