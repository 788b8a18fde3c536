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
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ops.schema.migrate import migrate
from sandbox.changenow.server import ChangeNow
from sandbox.google.cloud_tasks.server import CloudTasks
from sandbox.google.pubsub.server import PubSub
from sandbox.google.secret_manager.server import SecretManager
from sandbox.google.storage.server import Storage
from sandbox.peers.database import create_deployed_tables
from sandbox.peers.gcaccumulator import GCAccumulator
from sandbox.peers.gcbatchprocessor import GCBatchProcessor, PayoutQueue
from sandbox.peers.gchostpay1 import Endpoints, GCHostPay1
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import open_session
from sandbox.wire.http_server import Responder
from sandbox.wire.startable import Startable
from sandbox.world import operations
from sandbox.world.addresses import (
    FENCE_BUCKET,
    FOLDER_PREFIX,
    PAYOUT_QUEUE,
    POLICY_SECRET,
    RESPONSE_QUEUE,
    THRESHOLD_SECRET,
    Addresses,
    queue_path,
)
from sandbox.world.environment import CHANGENOW_API_KEY, HOST_WALLET_ETH, SIGNING_KEY, function_environment
from sandbox.world.function_process import FunctionProcess
from sandbox.world.functions import Functions
from sandbox.world.furnishing import create_queues, create_secrets, create_topics
from sandbox.world.wishes import Wishes

if TYPE_CHECKING:
    from sandbox.chain.node import ChainNode

__all__ = ["StillWaitingError", "Wishes", "World"]

T = TypeVar("T")
Held = Callable[[], AbstractContextManager[None]]

WAIT_S: Final = 30.0
POLL_S: Final = 0.02


class StillWaitingError(Exception):
    """What was waited for has not happened in time."""


class World(Startable):
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
        self.storage = Storage()
        self.gcsplit1 = Responder()
        self.changenow = ChangeNow(api_key=CHANGENOW_API_KEY, schedule=self.wishes.schedule)
        self.chain = _make_chain(self.changenow) if self.wishes.chain else None
        self._held = held
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._gchostpay1: GCHostPay1 | None = None
        self._gcaccumulator: GCAccumulator | None = None
        self._gcbatchprocessor: GCBatchProcessor | None = None
        self._functions: Functions | None = None

    def start(self) -> None:
        """Return when everything answers; what was started so far is stopped if a step fails."""
        steps: tuple[Callable[[], None], ...] = (
            self._make_folder,
            self._start_outside,
            self._prepare_database,
            self._start_peers,
            self._start_functions,
            self._furnish,
        )
        try:
            for step in steps:
                with self._held():
                    step()
            self.functions.ready()
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
    def gcbatchprocessor(self) -> GCBatchProcessor:
        """The service that pays clients out; its payouts arrive at gcsplit1."""
        return _there(self._gcbatchprocessor)

    @property
    def functions(self) -> Functions:
        """Both functions' processes."""
        return _there(self._functions)

    @property
    def database_url(self) -> str:
        """The migrated database."""
        return self.postgres.url()

    def function(self, name: str) -> FunctionProcess:
        """The process of ``check_threshold`` or ``swap_executed``."""
        return self.functions[name]

    def logs(self, name: str) -> list[dict[str, Any]]:
        """The structured log lines of a function, oldest first."""
        return self.functions[name].log_lines

    @property
    def addresses(self) -> Addresses:
        """Where everything is."""
        return replace(
            self._outside,
            check_threshold_url=self.functions.check_threshold.url,
            swap_executed_url=self.functions.swap_executed.url,
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

    def _start(self, *servers: Startable) -> None:
        for server in servers:
            self._stack.callback(server.stop)
            server.start()

    def _start_outside(self) -> None:
        self._start(self.postgres, self.secret_manager, self.pubsub, self.cloud_tasks, self.storage, self.changenow)
        if self.chain is not None:
            self._start(self.chain)

    def _prepare_database(self) -> None:
        """Migrate the tables of the deployed world, with the payments that wait in them."""
        create_deployed_tables(self.database_url)
        for amount_usd in self.wishes.old_payments_usd:
            operations.pay_before_us(self.database_url, amount_usd, self.wishes.fee_pct)
        migrate(lambda: open_session(self.database_url, autocommit=False))

    def _start_peers(self) -> None:
        """Start the services beside ours; where the callbacks go is told when the functions are there."""
        endpoints = Endpoints(
            changenow_url=self.changenow.url,
            changenow_api_key=CHANGENOW_API_KEY,
            tasks_address=self.cloud_tasks.address,
            response_queue=queue_path(RESPONSE_QUEUE),
            microbatch_url="",
            node_url=self.chain.url if self.chain else "",
            wallet_address=HOST_WALLET_ETH,
        )
        self._gchostpay1 = GCHostPay1(
            signing_keys=SIGNING_KEY,
            endpoints=endpoints,
            behaviour=self.wishes.gchostpay1,
            interval_s=self.wishes.gchostpay1_interval_s,
        )
        self._gcaccumulator = GCAccumulator(
            database_url=self.database_url, fee_pct=self.wishes.fee_pct, generation=self.wishes.gcaccumulator
        )
        self._start(self.gcsplit1, self._gchostpay1, self._gcaccumulator)
        payouts = PayoutQueue(self.cloud_tasks.address, queue_path(PAYOUT_QUEUE), self.gcsplit1.url)
        self._gcbatchprocessor = GCBatchProcessor(database_url=self.database_url, send=payouts.add)
        self._start(self._gcbatchprocessor)

    def _start_functions(self) -> None:
        environment = {**function_environment(self._outside), **self.wishes.environment}
        self._functions = Functions(environment, self.folder)
        self._stack.callback(self._functions.stop)
        self._functions.start()
        where = self._functions.swap_executed.url
        self.gchostpay1.endpoints = replace(self.gchostpay1.endpoints, microbatch_url=where)

    def _furnish(self) -> None:
        """Queues, topics, secrets and the trigger, as Terraform makes them in the cloud."""
        create_topics(self.pubsub, check_threshold_url=self.functions.check_threshold.url)
        create_queues(self.cloud_tasks, order_attempts=self.wishes.order_attempts)
        self.storage.buckets.create(FENCE_BUCKET)
        create_secrets(
            self.secret_manager,
            threshold_usd=self.wishes.threshold_usd,
            policy=self.wishes.policy,
            swap_executed_url=self.functions.swap_executed.url,
        )

    @property
    def _outside(self) -> Addresses:
        """Where everything but the functions is."""
        return Addresses(
            folder=str(self.folder),
            owner=os.getpid(),
            database_url=self.database_url,
            cloud_tasks=self.cloud_tasks.address,
            secret_manager=self.secret_manager.address,
            pubsub=self.pubsub.address,
            changenow_url=self.changenow.url,
            storage=self.storage.address,
            gchostpay1_url=self.wishes.gchostpay1_url or self.gchostpay1.url,
            gcaccumulator_url=self.wishes.gcaccumulator_url or self.gcaccumulator.url,
            gcbatchprocessor_url=self.gcbatchprocessor.url,
            check_threshold_url="",
            swap_executed_url="",
            chain_url=self.chain.url if self.chain else "",
        )


def _make_chain(changenow: ChangeNow) -> "ChainNode":
    """A node of a chain of its own, by which ChangeNow is paid and pays."""
    from sandbox.chain.node import ChainNode  # noqa: PLC0415  # the virtual machine takes two seconds
    from sandbox.chain.treasury import Treasury  # noqa: PLC0415

    node = ChainNode()
    changenow.coins = Treasury(node.ledger)
    return node


def _there(part: T | None) -> T:
    if part is None:
        raise RuntimeError("the world is not running: start it first")
    return part
