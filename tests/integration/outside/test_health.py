"""Whether the database answers: cheap however often anybody asks, and soon said where it does not."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.wire.tcp_proxy import TcpProxy
from shared.errors import DatabaseUnavailable
from shared.flow import health
from shared.flow.health import Health
from shared.outside.database import open_database
from shared.settings import load_database_settings

ASKED = 100
TOO_LATE_S = health.ANSWER_WITHIN_S + 1


@pytest.fixture
def asked(proxied_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Health]:
    """The health of a database that is reached through the proxy."""
    monkeypatch.setattr(health, "KNOWN_FOR_S", 0.5)
    database = open_database(load_database_settings({"DATABASE_URL": proxied_url}))
    yield Health(database)
    database.close()


def is_well(asked: Health) -> bool:
    """Ask."""
    try:
        asked.require()
    except DatabaseUnavailable:
        return False
    return True


def test_a_hundred_questions_cost_one(asked: Health, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks, forty at a time, within the seconds for which an answer holds."""
    monkeypatch.setattr(health, "KNOWN_FOR_S", 60)
    assert is_well(asked)
    proxy.forget()
    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(lambda _: is_well(asked), range(ASKED)))
    assert proxy.round_trips == 0


def test_a_silent_database_is_told_in_time_to_all_who_ask(asked: Health, proxy: TcpProxy) -> None:
    """The driver would wait for its own time-outs, twenty seconds; and it is well again as soon as it answers."""
    assert is_well(asked)
    proxy.black_hole()
    time.sleep(0.6)
    began_s = time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        assert not any(pool.map(lambda _: is_well(asked), range(40)))
    assert time.monotonic() - began_s < TOO_LATE_S
    proxy.restore()
    time.sleep(0.6)
    assert is_well(asked)


def test_a_database_that_is_gone_is_told_at_once(proxy: TcpProxy, asked: Health) -> None:
    """Nobody listens: no time-out has to pass."""
    proxy.stop()
    began_s = time.monotonic()
    assert not is_well(asked)
    assert time.monotonic() - began_s < 1
