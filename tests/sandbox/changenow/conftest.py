"""The stand-in with a clock of the test's own."""

from collections.abc import Iterator

import pytest

from sandbox.changenow.server import ChangeNow
from tests.sandbox.changenow.client import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def changenow(clock: Clock) -> Iterator[ChangeNow]:
    with ChangeNow(clock=clock) as server:
        yield server
