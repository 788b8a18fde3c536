"""What is measured on: PostgreSQL with durable writes, stand-ins for the neighbours, both functions as processes."""

import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any, Final

import requests

from ops.schema.migrate import migrate
from sandbox.changenow.market import ETH_TO_USDT, Market
from sandbox.google.pubsub.server import PubSub
from sandbox.peers.database import create_deployed_tables
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import open_session
from sandbox.processes.keeper import _descendants
from sandbox.world.function_process import CHECK_THRESHOLD, SWAP_EXECUTED, FunctionProcess, Target
from shared.model.policy import THRESHOLD_SECRET
from tests.bench.payments import PRICE_USD, Payments
from tests.e2e.stage import EVENT_HEADERS
from tests.rig import (
    FENCES,
    PROJECT,
    WALLET_ETH,
    WALLET_USDT,
    Peers,
    required_settings,
    response_token,
    running_peers,
)

TOPIC: Final = f"projects/{PROJECT}/topics/batch-events"
TX_HASH: Final = "0x" + "ab" * 32
PATIENCE_S: Final = 1800
RECEIVED_SHARE: Final = Decimal("0.9931")

# Cloud SQL's usual machine of 2 cores (7.5 GiB): a third of its memory for buffers, room in the log so that no
# checkpoint falls into the middle of a measurement (each turn begins with one), no vacuum but the bench's own.
# All else is PostgreSQL's default; fsync, full_page_writes and synchronous_commit are on, as in production.
SERVER_SETTINGS: Final = {
    "shared_buffers": "2560MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "log_line_prefix": "%a|",
}

_DURATION: Final = re.compile(r"^micro_batch\|LOG: +duration: ([0-9.]+) ms", re.MULTILINE)


@dataclass
class Workbench:
    """One database and everything around it; functions are started by the measurement that needs them."""

    postgres: Postgres
    peers: Peers
    pubsub: PubSub
    folder: Path
    payments: Payments

    def environment(self, database_url: str | None = None) -> dict[str, str]:
        """The functions' environment."""
        return {
            **required_settings(database_url or self.postgres.url(), self.peers.exchange.url),
            "DATABASE_STATEMENT_TIMEOUT_S": str(PATIENCE_S),
            "CLOUD_TASKS_EMULATOR_HOST": self.peers.tasks.address,
            "SECRET_MANAGER_EMULATOR_HOST": self.peers.secrets.address,
            "PUBSUB_EMULATOR_HOST": self.pubsub.address,
            "BATCH_EVENTS_TOPIC": TOPIC,
            "FENCE": f"gs://{FENCES}/bench",
            "STORAGE_EMULATOR_HOST": self.peers.storage.address,
        }

    @contextmanager
    def function(self, target: Target, *, database_url: str | None = None) -> Iterator[FunctionProcess]:
        """Run one of the functions until the block ends."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        process = FunctionProcess(target, self.environment(database_url), folder)
        process.start()
        try:
            process.ready()
            yield process
        finally:
            process.stop()

    def set_threshold(self, text: str) -> None:
        """Set the threshold."""
        self.peers.secrets.add_version(PROJECT, THRESHOLD_SECRET, text)

    def wait_below(self) -> None:
        """Set a threshold that nothing reaches."""
        self.set_threshold("100000000000")

    def finish_exchange(self, batch: Mapping[str, Any]) -> str:
        """Let ChangeNow pay out a batch's exchange; returns the callback's token."""
        amount_usdt = (batch["total_eth_usd"] * RECEIVED_SHARE).quantize(Decimal("1e-6"), rounding=ROUND_DOWN)
        self.peers.exchange.finish(batch["cn_api_id"], amount_usdt)
        return response_token(
            batch_conversion_id=str(batch["batch_conversion_id"]),
            cn_api_id=batch["cn_api_id"],
            tx_hash=TX_HASH,
            received=float(amount_usdt),
            sent_at=datetime.now(UTC),
        )

    def open_batch(self) -> dict[str, Any]:
        """Put all pending payments into a batch with an exchange."""
        exchange = self.peers.exchange.open_exchange(ETH_TO_USDT, Decimal(1), WALLET_USDT, WALLET_ETH)
        return self.payments.open_batch(exchange.id, exchange.payin_address)

    @contextmanager
    def server_times(self) -> Iterator[None]:
        """Let the server write down how long the functions' statements take; for sessions opened inside."""
        self.payments.sql("ALTER DATABASE telepay SET log_min_duration_statement = 0")
        try:
            yield
        finally:
            self.payments.sql("ALTER DATABASE telepay RESET log_min_duration_statement")

    def server_time_s(self, work: Callable[[], object]) -> float:
        """Do something and return how long the server worked on the functions' statements, inside server_times()."""
        written = len(self.postgres.log())
        work()
        return sum(map(float, _DURATION.findall(self.postgres.log()[written:]))) / 1000


@contextmanager
def running_workbench(history: int) -> Iterator[Workbench]:
    """Start everything and fill the history."""
    postgres = Postgres(durable=True, settings=SERVER_SETTINGS)
    with postgres, running_peers() as peers, PubSub() as pubsub, tempfile.TemporaryDirectory() as folder:
        peers.exchange.market = Market(eth_price_usd=PRICE_USD, max_eth=None)
        pubsub.create_topic(TOPIC)
        create_deployed_tables(postgres.url())
        migrate(lambda: open_session(postgres.url()))
        payments = Payments(postgres.url())
        payments.add_history(history)
        try:
            yield Workbench(postgres, peers, pubsub, Path(folder), payments)
        finally:
            payments.close()


def tick(function: FunctionProcess) -> requests.Response:
    """Deliver one tick to check_threshold as Eventarc does."""
    document: dict[str, Any] = {"message": {"messageId": "1"}, "subscription": "projects/p/subscriptions/s"}
    return _good(requests.post(function.url, json=document, headers=EVENT_HEADERS, timeout=PATIENCE_S))


def call_back(function: FunctionProcess, token: str) -> requests.Response:
    """Deliver one callback to swap_executed as Cloud Tasks does."""
    return _good(requests.post(f"{function.url}/swap-executed", json={"token": token}, timeout=PATIENCE_S))


def seconds(work: Callable[[], object]) -> float:
    """Do something and return how long it took."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def peak_mib(function: FunctionProcess) -> float:
    """The largest resident memory that the function's worker process has had."""
    assert function.process_id is not None
    return max(_peak_kib(child) for child in _descendants(function.process_id)) / 1024


def at_once(work: list[Callable[[], object]], workers: int) -> float:
    """Do many things, so many at a time, and return how long all took."""
    left = iter(work)
    lock = threading.Lock()

    def take() -> None:
        while True:
            with lock:
                item = next(left, None)
            if item is None:
                return
            item()

    threads = [threading.Thread(target=take) for _ in range(workers)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def _good(response: requests.Response) -> requests.Response:
    if not response.ok:
        raise RuntimeError(f"{response.status_code} {response.text[:300]}")
    return response


def _peak_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


__all__ = [
    "CHECK_THRESHOLD",
    "SERVER_SETTINGS",
    "SWAP_EXECUTED",
    "Workbench",
    "at_once",
    "call_back",
    "peak_mib",
    "running_workbench",
    "seconds",
    "tick",
]
