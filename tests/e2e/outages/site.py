"""Both functions with everything around them that may die, hang or be cut."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import pytest
import requests

from sandbox.postgres.server import Postgres
from sandbox.wire.faults import Faults
from sandbox.wire.tcp_proxy import TcpProxy
from sandbox.world.function_process import FunctionProcess
from tests.e2e.stage import Stage

T = TypeVar("T")

PATIENCE_S = 30.0
CONNECT_S, STATEMENT_S, HTTP_S = 1, 2, 2
SETTINGS = {
    "HTTP_TIMEOUT_S": str(HTTP_S),
    "DATABASE_CONNECT_TIMEOUT_S": str(CONNECT_S),
    "DATABASE_STATEMENT_TIMEOUT_S": "60",  # a distribution on a slow machine
    "DATABASE_LOCK_TIMEOUT_S": "5",
}


@dataclass
class Site:
    """Both functions with a proxy between them and a PostgreSQL that may be killed."""

    stage: Stage
    postgres: Postgres
    proxy: TcpProxy

    def revive(self) -> None:
        """Bring PostgreSQL back, and the test's own session with it."""
        if not self.postgres.running:
            self.postgres.start()
        self.stage.reconnect()


def wait_for(look: Callable[[], T], what: str) -> T:
    """Look until there is something to see."""
    deadline = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what} has not happened"
        time.sleep(0.005)
    return seen


def killed_while(function: FunctionProcess, work: Callable[[], object], faulty: Faults) -> None:
    """Let a process work until it meets a fault that keeps it waiting, kill it there, and start it anew."""
    met = len(faulty.taken)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        wait_for(lambda: len(faulty.taken) > met, "the fault")
        function.kill()
        with pytest.raises(requests.ConnectionError):
            working.result()
    function.start()
    function.ready()
