"""The servers that histories are played on, one set for each worker of the test run."""

from collections.abc import Iterator

import pytest

from tests.simulation.world.servers import Servers, running_servers


@pytest.fixture(scope="session")
def standing() -> Iterator[Servers]:
    """PostgreSQL and the stand-ins."""
    with running_servers() as servers:
        yield servers


@pytest.fixture(autouse=True)
def _settings_of_the_simulation(_no_settings: None, standing: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pub/Sub's client reads its address from the environment when it is made."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", standing.pubsub.address)
