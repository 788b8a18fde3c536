"""One desk for the tests of a file."""

from collections.abc import Iterator

import pytest

from sandbox.wire.http_server import Responder
from shared.outside.changenow import ChangeNow
from tests.integration.outside.changenow.desk import Desk


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """One for all tests: each says what it wants."""
    with Responder() as peer:
        yield Desk(peer, ChangeNow(peer.url, "the-key", 20))
