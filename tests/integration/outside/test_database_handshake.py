"""A server that is taken for PostgreSQL and never gets to an end costs one deadline, wherever it drips."""

import time

import pytest

from shared.errors import DatabaseUnavailable
from shared.outside import connection
from shared.settings import load_database_settings
from tests.integration.outside.dripping import HANDSHAKES, dripping

DEADLINE_S = 1
ROOM_S = 0.8  # for a busy machine


@pytest.mark.parametrize("way", ["nothing", *HANDSHAKES])
def test_a_handshake_has_one_deadline(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte that comes begins the socket's own time-out anew; the whole takes no longer all the same."""
    monkeypatch.setattr(connection, "_is_loopback", lambda _: way != "TLS")
    with dripping(way) as server:
        url = f"postgresql://somebody:a-long-password@127.0.0.1:{server.port}/name"
        settings = load_database_settings({"DATABASE_URL": url, "DATABASE_CONNECT_TIMEOUT_S": str(DEADLINE_S)})
        began_s = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match=r"deadline|timed out"):
            connection.connect(settings)
        assert DEADLINE_S - 0.1 < time.monotonic() - began_s < DEADLINE_S + ROOM_S
        assert server.accepted == 1


class Connector:
    """What a handshake that drips makes of Cloud SQL's connector."""

    def connect(self, *_: object, **__: object) -> None:
        """Come to no end in time."""
        time.sleep(DEADLINE_S + ROOM_S)


def test_cloud_sqls_connector_has_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """It bounds its own questions alone, and is given up from outside."""
    monkeypatch.setattr(connection, "_connector", lambda _: Connector())
    settings = load_database_settings(
        {
            "CLOUD_SQL_CONNECTION_NAME": "project:region:instance",
            "DATABASE_NAME_SECRET": "name",
            "DATABASE_USER_SECRET": "somebody",
            "DATABASE_PASSWORD_SECRET": "a-long-password",
            "DATABASE_CONNECT_TIMEOUT_S": str(DEADLINE_S),
        }
    )
    began_s = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="no end within 1 s"):
        connection.connect(settings)
    assert time.monotonic() - began_s < DEADLINE_S + ROOM_S / 2
