"""The servers that histories are played on, one set for each worker of the test run."""

from collections.abc import Iterator

import pytest

from tests.simulation.world.servers import Servers, running_servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and the stand-ins."""
    with running_servers() as running:
        yield running
