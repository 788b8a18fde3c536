"""The stage that tests of the processes share (starting them costs more than most tests do), and a place for files."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.postgres.server import Postgres
from tests.e2e.stage import Stage, running_stage
from tests.rig import Peers


@pytest.fixture(scope="session")
def running(
    postgres: Postgres, migrated_template: str, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Both processes on a database of their own, for all tests of a worker."""
    name = "stage"
    postgres.create_database(name, migrated_template)
    with running_stage(postgres.url(name), peers, tmp_path_factory.mktemp("stage")) as stage:
        yield stage
    postgres.drop_database(name)


@pytest.fixture
def stage(running: Stage) -> Iterator[Stage]:
    """The shared processes, an empty database and a threshold of $20; whatever they wrote is looked at afterwards."""
    running.reset()
    yield running
    running.spoken()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place for temporary files, open to the user as whom PostgreSQL runs for root."""
    path = Path(tempfile.mkdtemp(prefix="demo-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)
