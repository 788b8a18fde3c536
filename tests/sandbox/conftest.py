"""What several stand-ins' tests share: a handler on the other side."""

from collections.abc import Iterator

import pytest

from sandbox.wire.http_server import Responder


@pytest.fixture
def target() -> Iterator[Responder]:
    """A server that keeps what it is sent and answers as told, 200 by default."""
    with Responder() as running:
        yield running
