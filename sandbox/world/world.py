"""The whole world on loopback: every neighbour, and both functions as real processes, wired together.

with World() as world:
    world.pay("12.50")
    world.trigger()
    world.wait_for(lambda: world.query("SELECT 1 FROM threshold_checks"), "a check")
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar

from ops.schema.migrate import migrate
from sandbox.changenow.exchange import Schedule
from sandbox.changenow.server import ChangeNow
from sandbox.cloud_tasks.server import CloudTasks
from sandbox.peers.gcaccumulator import GCAccumulator, connect
from sandbox.peers.gchostpay1 import Endpoints, GCHostPay1
from sandbox.postgres.server import Postgres
from sandbox.pubsub.server import PubSub
from sandbox.secret_manager.server import SecretManager
from sandbox.world import operations
from sandbox.world.addresses import (
    BATCH_QUEUE,
    CHECK_TOPIC,
    EVENTS_TOPIC,
    FOLDER_PREFIX,
    LOCATION,
    POLICY_SECRET,
    PROJECT,
    RESPONSE_QUEUE,
    THRESHOLD_SECRET,
    Addresses,
    queue_path,
    topic_path,
)
from sandbox.world.function_process import CHECK_THRESHOLD, SWAP_EXECUTED, FunctionProcess

T = TypeVar("T")
Held = Callable[[], AbstractContextManager[None]]

SIGNING_KEY = "sandbox-signing-key"
HOST_WALLET_USDT = "0x" + "a0" * 20
HOST_WALLET_ETH = "0x" + "b0" * 20
WAIT_S = 30.0
POLL_S = 0.02


class StillWaitingError(Exception):
    """What was waited for has not happened in time."""


@dataclass(frozen=True)
class Wishes:
    """What a world is to be like."""

    threshold_usd: str = "20.00"
    policy: str | None = None  # the JSON of MICRO_BATCH_POLICY; None: no such secret
    fee_pct: Decimal = Decimal(3)
    schedule: Schedule = field(default_factory=Schedule)  # how fast an exchange goes
    environment: Mapping[str, str] = field(default_factory=dict)  # further settings of the functions


class World:
    """Everything on free ports; stop() ends all of it and removes its folder.

    *held* wraps each step of starting and stopping, so that Ctrl-C never falls between making a
    thing and remembering that it has to be cleared away.
    """

    def __init__(self, wishes: Wishes | None = None, *, held: Held = nullcontext) -> None:
        self.wishes = wishes or Wishes()
        self.postgres = Postgres()
        self.cloud_tasks = CloudTasks()
        self.secret_manager = SecretManager()
        self.pubsub = PubSub()
        self.changenow = ChangeNow(schedule=self.wishes.schedule)
        self._held = held
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._functions: dict[str, FunctionProcess] = {}
        self._gchostpay1: GCHostPay1 | None = None
        self._gcaccumulator: GCAccumulator | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return when everything answers; what was started so far is stopped if a step fails."""
        steps: tuple[Callable[[], None], ...] = (
            self._make_folder,
            self._start_postgres,
            self._start_neighbours,
            self._start_swap_executed,
            self._start_gchostpay1,
            self._start_check_threshold,
            self._migrate,
            self._start_gcaccumulator,
            self._furnish,
        )
        try:
            for step in steps:
                with self._held():
                    step()
            for function in self._functions.values():
                function.ready()
            self.addresses.write()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything, newest first, and remove the folder; a second time is harmless."""
        with self._held():
            self._stack.close()

    @property
    def folder(self) -> Path:
        """Where logs and addresses are while the world runs."""
        return _there(self._folder)

    @property
    def gchostpay1(self) -> GCHostPay1:
        """The host wallet's service."""
        return _there(self._gchostpay1)

    @property
    def gcaccumulator(self) -> GCAccumulator:
        """The service that takes payments in."""
        return _there(self._gcaccumulator)

    @property
    def database_url(self) -> str:
        """The migrated database."""
        return self.postgres.url()

    def function(self, name: str) -> FunctionProcess:
        """The process of ``check_threshold`` or ``swap_executed``."""
        return self._functions[name]

    def logs(self, name: str) -> list[dict[str, Any]]:
        """The structured log lines of a function, oldest first."""
        return self._functions[name].log_lines

    @property
    def addresses(self) -> Addresses:
        """Where everything is."""
        return Addresses(
            folder=str(self.folder),
            owner=os.getpid(),
            database_url=self.database_url,
            cloud_tasks=self.cloud_tasks.address,
            secret_manager=self.secret_manager.address,
            pubsub=self.pubsub.address,
            changenow_url=self.changenow.url,
            gchostpay1_url=self.gchostpay1.url,
            gcaccumulator_url=self.gcaccumulator.url,
            check_threshold_url=self.function("check_threshold").url,
            swap_executed_url=self.function("swap_executed").url,
        )

    # What people and neighbours do.

    def pay(self, amount_usd: Decimal | str, **more: Any) -> int:
        """Let a payment come in through GCAccumulator, and return its id."""
        return operations.pay(self.addresses, amount_usd, **more)

    def trigger(self, *, force: bool = False) -> str:
        """One tick of Cloud Scheduler; *force* opens a batch below the threshold."""
        return operations.trigger(self.addresses, force=force)

    def set_threshold(self, value: str) -> None:
        """Add a version to the threshold's secret."""
        operations.add_secret_version(self.addresses, THRESHOLD_SECRET, value)

    def set_policy(self, document: str) -> None:
        """Add a version to the policy's secret."""
        operations.add_secret_version(self.addresses, POLICY_SECRET, document)

    def query(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        """Run one statement in the database (parameters as %s) and return its rows."""
        return operations.query(self.database_url, sql, *arguments)

    def wait_for(self, look: Callable[[], T], what: str, timeout_s: float = WAIT_S) -> T:
        """Look until there is something to see, and return it; StillWaitingError names *what*."""
        deadline = time.monotonic() + timeout_s
        while not (seen := look()):
            if time.monotonic() > deadline:
                raise StillWaitingError(f"{what} has not happened within {timeout_s:.0f} s")
            time.sleep(POLL_S)
        return seen

    # How it is put together.

    def _make_folder(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)

    def _start_postgres(self) -> None:
        self._stack.callback(self.postgres.stop)
        self.postgres.start()

    def _start_neighbours(self) -> None:
        for neighbour in (self.secret_manager, self.pubsub, self.cloud_tasks, self.changenow):
            self._stack.callback(neighbour.stop)
            neighbour.start()

    def _start_swap_executed(self) -> None:
        settings = {**self._common_settings(), **self.wishes.environment}
        self._start_function(FunctionProcess(SWAP_EXECUTED, settings, self.folder))

    def _start_check_threshold(self) -> None:
        settings = {
            **self._common_settings(),
            "CLOUD_TASKS_LOCATION": LOCATION,
            "GCHOSTPAY1_BATCH_QUEUE": BATCH_QUEUE,
            "GCHOSTPAY1_URL": self.gchostpay1.url,
            "HOST_WALLET_USDT_ADDRESS": HOST_WALLET_USDT,
            "HOST_WALLET_ETH_ADDRESS": HOST_WALLET_ETH,
            "CLOUD_TASKS_EMULATOR_HOST": self.cloud_tasks.address,
            "SECRET_MANAGER_EMULATOR_HOST": self.secret_manager.address,
            **self.wishes.environment,
        }
        self._start_function(FunctionProcess(CHECK_THRESHOLD, settings, self.folder))

    def _start_function(self, function: FunctionProcess) -> None:
        self._functions[function.target.name] = function
        self._stack.callback(function.stop)
        function.start()

    def _common_settings(self) -> dict[str, str]:
        return {
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "SUCCESS_URL_SIGNING_KEY": SIGNING_KEY,
            "CHANGENOW_API_KEY": self.changenow.api_key,
            "CHANGENOW_API_URL": self.changenow.url,
            "DATABASE_URL": self.database_url,
            "BATCH_EVENTS_TOPIC": EVENTS_TOPIC,
            "PUBSUB_EMULATOR_HOST": self.pubsub.address,
        }

    def _start_gchostpay1(self) -> None:
        endpoints = Endpoints(
            changenow_url=self.changenow.url,
            changenow_api_key=self.changenow.api_key,
            tasks_address=self.cloud_tasks.address,
            response_queue=queue_path(RESPONSE_QUEUE),
            microbatch_url=self.function("swap_executed").url,
        )
        self._gchostpay1 = GCHostPay1(signing_keys=SIGNING_KEY, endpoints=endpoints)
        self._stack.callback(self._gchostpay1.stop)
        self._gchostpay1.start()

    def _migrate(self) -> None:
        migrate(lambda: connect(self.database_url))

    def _start_gcaccumulator(self) -> None:
        self._gcaccumulator = GCAccumulator(database_url=self.database_url, fee_pct=self.wishes.fee_pct)
        self._stack.callback(self._gcaccumulator.stop)
        self._gcaccumulator.start()

    def _furnish(self) -> None:
        """Queues, topics, secrets and the trigger, as Terraform makes them in the cloud."""
        for topic in (CHECK_TOPIC, EVENTS_TOPIC):
            self.pubsub.create_topic(topic_path(topic))
        self.pubsub.create_subscription(
            f"projects/{PROJECT}/subscriptions/eventarc-{LOCATION}-check-threshold-sub-001",
            topic_path(CHECK_TOPIC),
            push_endpoint=self.function("check_threshold").url,
        )
        for queue in (BATCH_QUEUE, RESPONSE_QUEUE):
            self.cloud_tasks.create_queue(
                queue_path(queue),
                max_concurrent_dispatches=10,
                max_attempts=10,
                max_retry_duration=timedelta(hours=24),
            )
        secrets = {
            THRESHOLD_SECRET: self.wishes.threshold_usd,
            POLICY_SECRET: self.wishes.policy,
            "GCHOSTPAY1_BATCH_QUEUE": BATCH_QUEUE,
            "MICROBATCH_RESPONSE_QUEUE": RESPONSE_QUEUE,
            "MICROBATCH_URL": self.function("swap_executed").url,
        }
        for secret_id, value in secrets.items():
            if value is not None:
                self.secret_manager.add_version(PROJECT, secret_id, value)


def _there(part: T | None) -> T:
    if part is None:
        raise RuntimeError("the world is not running: start it first")
    return part
