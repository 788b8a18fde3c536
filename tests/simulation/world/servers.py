"""What stands still between histories: PostgreSQL and the stand-ins."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sandbox.changenow.exchange import Schedule
from sandbox.google.pubsub.server import PubSub
from sandbox.google.secret_manager.server import SecretManager
from sandbox.google.storage.server import Storage
from sandbox.postgres.server import Postgres
from tests.rig import API_KEY, FENCES, PROJECT, Clock, required_settings
from tests.simulation.database.installation import Shelves, install
from tests.simulation.model.fence import OBJECT
from tests.simulation.world.cloud_tasks import TaskServer
from tests.simulation.world.observer import DATABASE, Observer
from tests.simulation.world.odd_changenow import OddChangeNow

TOPIC: Final = f"projects/{PROJECT}/topics/batch-events"
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Servers:
    """One set for each worker; a history finds them empty."""

    postgres: Postgres
    exchange: OddChangeNow
    tasks: TaskServer
    secrets: SecretManager
    pubsub: PubSub
    storage: Storage
    observer: Observer
    shelves: Shelves
    clock: Clock = field(default_factory=Clock)

    @property
    def url(self) -> str:
        """The database's address."""
        return self.postgres.url(DATABASE)

    @property
    def environment(self) -> dict[str, str]:
        """The environment that both functions have."""
        return {
            **required_settings(self.url, self.exchange.url),
            "CLOUD_TASKS_EMULATOR_HOST": self.tasks.address,
            "SECRET_MANAGER_EMULATOR_HOST": self.secrets.address,
            "BATCH_EVENTS_TOPIC": TOPIC,
            "PUBSUB_EMULATOR_HOST": self.pubsub.address,
            "FENCE": f"gs://{FENCES}/{OBJECT}",
            "STORAGE_EMULATOR_HOST": self.storage.address,
            "RECEIVED_DEVIATION_PCT": "20",
        }

    @property
    def is_sound(self) -> bool:
        """Whether no fault waits for its call."""
        servers = (self.exchange, self.tasks, self.secrets, self.pubsub, self.storage)
        return not any(server.faults.waiting for server in servers)

    def clear(self) -> None:
        """Forget the history before: rows are left to the world, which owns the observer."""
        self.exchange._exchanges.clear()
        self.exchange.bad.clear()
        self.exchange.requests.clear()
        self.pubsub._published[TOPIC].clear()
        self.storage.buckets.clear(FENCES)
        for server in (self.exchange, self.secrets, self.pubsub, self.storage):
            server.faults.clear()
            server.faults._taken.clear()
        self.secrets._secrets.clear()
        self.secrets._versions.clear()
        self.secrets._accesses.clear()
        self.tasks.clear()


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Start everything, with ours installed in the deployed database."""
    clock = Clock()
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres())
        install(postgres, DATABASE)
        observer = Observer(postgres)
        stack.callback(observer.close)
        exchange = OddChangeNow(api_key=API_KEY, schedule=Schedule.by_hand(), clock=clock)
        servers = Servers(
            postgres=postgres,
            exchange=stack.enter_context(exchange),
            tasks=stack.enter_context(TaskServer()),
            secrets=stack.enter_context(SecretManager()),
            pubsub=stack.enter_context(PubSub()),
            storage=stack.enter_context(Storage()),
            observer=observer,
            shelves=Shelves(observer),
            clock=clock,
        )
        servers.pubsub.create_topic(TOPIC)
        yield servers
