"""What every test may ask for: PostgreSQL, a database of its own, no settings of the shell."""

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress

import pytest

from ops.schema.migrate import migrate
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import open_session
from shared.model.policy import POLICY_SECRET, THRESHOLD_SECRET
from shared.settings import SETTINGS
from tests.rig import PROJECT, Peers, Rig, running_peers

MIGRATED = "migrated"

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's own shell reaches a test."""
    for name in (*(setting.name for setting in SETTINGS), "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server, one for each worker of the test run."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres: Postgres) -> str:
    """The name of a database to which every migration has been applied and nothing else."""
    postgres.create_database(MIGRATED)
    migrate(lambda: open_session(postgres.url(MIGRATED)))
    return MIGRATED


@pytest.fixture
def empty_database_url(postgres: Postgres) -> Iterator[str]:
    """The address of a database with nothing in it, dropped after the test."""
    yield from _database(postgres, template=None)


@pytest.fixture
def database_url(postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """The address of a migrated database of the test's own, dropped after it."""
    yield from _database(postgres, template=migrated_template)


def _database(postgres: Postgres, template: str | None) -> Iterator[str]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    postgres.create_database(name, template)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def peers() -> Iterator[Peers]:
    """The stand-ins outside the functions, one set for each worker of the test run."""
    with running_peers() as running:
        yield running


@pytest.fixture
def rig(database_url: str, peers: Peers) -> Iterator[Rig]:
    """Both use cases wired to a database of the test's own, with a threshold of $20 and no policy."""
    built = Rig(database_url, peers)
    built.set_threshold("20.00")
    yield built
    built.close()
    peers.exchange.faults.clear()
    peers.tasks.faults.clear()
    peers.secrets.faults.clear()
    peers.storage.faults.clear()
    for secret_id in (THRESHOLD_SECRET, POLICY_SECRET):
        with suppress(KeyError):
            peers.secrets.delete_secret(PROJECT, secret_id)
