"""Both functions on real parts in one process: PostgreSQL, gRPC and HTTP stand-ins, a clock to turn."""

import hashlib
import hmac
import struct
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pg8000.dbapi import Connection

from sandbox.changenow.market import Market
from sandbox.changenow.server import ChangeNow
from sandbox.google.cloud_tasks.server import CloudTasks
from sandbox.google.secret_manager.server import SecretManager
from sandbox.google.storage.server import Storage
from sandbox.peers.gchostpay1_tokens import Order, decrypt_microbatch_to_gchostpay1_token
from sandbox.postgres.session import open_session
from shared.flow.callback import CallbackDependencies, CallbackResult, process_callback
from shared.flow.check import Outcome, run_check
from shared.flow.context import CheckDependencies
from shared.model.fence import Fence, parse_fence
from shared.model.policy import POLICY_SECRET, THRESHOLD_SECRET
from shared.settings import load_callback_settings, load_check_settings
from shared.wiring.check_threshold import wire_check
from shared.wiring.swap_executed import wire_callback

PROJECT = "telepay-test"
QUEUE = f"projects/{PROJECT}/locations/us-central1/queues/gchostpay1-batch-queue"
SIGNING_KEY = "signing-key-for-tests"
API_KEY = "changenow-key-for-tests"
WALLET_USDT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
WALLET_ETH = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
FENCES = "telepay-test-fences"
NOBODY_URL = "http://127.0.0.1:9"  # nobody answers

Dependencies = TypeVar("Dependencies", CheckDependencies, CallbackDependencies)


def required_settings(database_url: str, changenow_url: str = NOBODY_URL) -> dict[str, str]:
    """The environment that both functions start with; what has a default is left out."""
    return {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "CLOUD_TASKS_LOCATION": "us-central1",
        "GCHOSTPAY1_BATCH_QUEUE": "gchostpay1-batch-queue",
        "GCHOSTPAY1_URL": NOBODY_URL,
        "SUCCESS_URL_SIGNING_KEY": SIGNING_KEY,
        "CHANGENOW_API_KEY": API_KEY,
        "CHANGENOW_API_URL": changenow_url,
        "HOST_WALLET_USDT_ADDRESS": WALLET_USDT,
        "HOST_WALLET_ETH_ADDRESS": WALLET_ETH,
        "DATABASE_URL": database_url,
    }


class Clock:
    """The time of day as a test says it is; aware UTC."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def forward(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@dataclass
class Peers:
    """What stands outside; shared by the tests of a worker, cleared between them."""

    exchange: ChangeNow
    tasks: CloudTasks
    secrets: SecretManager
    storage: Storage


@contextmanager
def running_peers() -> Iterator[Peers]:
    """Start the stand-ins; payment orders stay in their queue."""
    with (
        ChangeNow(api_key=API_KEY) as exchange,
        CloudTasks() as tasks,
        SecretManager() as secrets,
        Storage() as storage,
    ):
        tasks.create_queue(QUEUE)
        tasks.pause(QUEUE)
        storage.buckets.create(FENCES)
        yield Peers(exchange, tasks, secrets, storage)


@dataclass
class Rig:
    """One database, the peers, and the two use cases wired to them."""

    url: str
    peers: Peers
    overrides: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.peers.exchange.market = Market(
            eth_price_usd=Decimal(3000), fee_pct=Decimal("0.5"), slippage_pct=Decimal(0)
        )
        self.connection = open_session(self.url)
        self.opened: list[CheckDependencies | CallbackDependencies] = []
        self.check_dependencies = self.wire_check()
        self.callback_dependencies = self.wire_callback()

    def close(self) -> None:
        """Close every connection, so that the database can be dropped."""
        for dependencies in self.opened:
            dependencies.database.close()
        self.connection.close()

    def put_fence(self, content: bytes) -> None:
        """Write over the fence, whatever it is."""
        self.peers.storage.buckets.write(
            FENCES, self.fence_name, content, content_type="application/json", expected_generation=None
        )

    @contextmanager
    def disconnected(self) -> Iterator[None]:
        """Let nobody of this rig be connected to its database for the block."""
        self.close()
        yield
        self.connection = open_session(self.url)

    @property
    def environment(self) -> dict[str, str]:
        """The environment that either function would have."""
        return {
            **required_settings(self.url, self.peers.exchange.url),
            "CLOUD_TASKS_EMULATOR_HOST": self.peers.tasks.address,
            "SECRET_MANAGER_EMULATOR_HOST": self.peers.secrets.address,
            "FENCE": f"gs://{FENCES}/{self.fence_name}",
            "STORAGE_EMULATOR_HOST": self.peers.storage.address,
            "HTTP_TIMEOUT_S": "4",
            **self.overrides,
        }

    @property
    def fence_name(self) -> str:
        """The object of this database's fence."""
        return urlsplit(self.url).path.lstrip("/")

    def fence(self) -> Fence:
        """The fence as it stands outside."""
        return parse_fence(self.peers.storage.buckets.read(FENCES, self.fence_name).content)

    def wire_check(self) -> CheckDependencies:
        """Wire check_threshold as production does, with the test's clock."""
        settings = load_check_settings(self.environment)
        return self._remember(wire_check(settings, now=self.clock, sleep=lambda _: None))

    def wire_callback(self) -> CallbackDependencies:
        """Wire swap_executed as production does, with the test's clock."""
        return self._remember(wire_callback(load_callback_settings(self.environment), now=self.clock))

    def check(self, *, forced: bool = False) -> Outcome:
        """Run one check."""
        return run_check(self.check_dependencies, forced=forced)

    def call_back(self, token: str) -> CallbackResult:
        """Deliver one callback."""
        return process_callback(self.callback_dependencies, token)

    def set_threshold(self, text: str | bytes) -> None:
        """Add a version to the threshold's secret, as an operator would."""
        self.peers.secrets.add_version(PROJECT, THRESHOLD_SECRET, text)

    def set_policy(self, text: str | bytes) -> None:
        """Add a version to the policy's secret."""
        self.peers.secrets.add_version(PROJECT, POLICY_SECRET, text)

    def pay(self, *amounts_usd: str, eth: str | None = None, age: timedelta = timedelta()) -> list[int]:
        """Insert pending payments of so many dollars; returns their ids."""
        return [
            self.sql(
                "INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency,"
                " payment_timestamp, accumulated_eth, client_wallet_address, client_payout_currency,"
                " client_payout_network, nowpayments_outcome_amount, created_at) VALUES ('client', 1, 9e7, 'eth',"
                " NOW(), CAST(%s AS numeric), '0xclient', 'usdt', 'eth', CAST(%s AS numeric), CAST(%s AS timestamp))"
                " RETURNING id",
                amount_usd,
                eth,
                (self.clock() - age).replace(tzinfo=None),
            )[0]["id"]
            for amount_usd in amounts_usd
        ]

    def sql(self, text: str, *parameters: Any) -> list[dict[str, Any]]:
        """Run a statement of the test's own, outside the code under test."""
        return run(self.connection, text, *parameters)

    def batches(self) -> list[dict[str, Any]]:
        """Every batch, oldest first."""
        return self.sql("SELECT * FROM batch_conversions ORDER BY id")

    def payments(self) -> list[dict[str, Any]]:
        """Every payment, oldest first."""
        return self.sql("SELECT * FROM payout_accumulation ORDER BY id")

    def checks(self) -> list[dict[str, Any]]:
        """Every check's row, oldest first."""
        return self.sql("SELECT * FROM threshold_checks ORDER BY id")

    def orders(self) -> list[Order]:
        """Every payment order that Cloud Tasks ever took for this database's batches, opened as the peer opens it."""
        mine = {str(row["batch_conversion_id"]) for row in self.batches()}
        opened = [self._open_order(task.http_request.body) for task in self.peers.tasks.created]
        return [order for order in opened if order and order.batch_conversion_id in mine]

    def events(self) -> list[str]:
        """Every event on record, oldest first."""
        return [row["event"] for row in self.sql("SELECT event FROM batch_events ORDER BY id")]

    def deposit(self, batch: Mapping[str, Any], tx_hash: str = "0x" + "ab" * 32) -> None:
        """Let the ETH of a batch's order reach its exchange."""
        exchange = self.peers.exchange.exchange(batch["cn_api_id"])
        self.peers.exchange.deposit(exchange.payin_address, exchange.expected_amount_from, tx_hash)

    def open_batches(self, *amounts_usd: str) -> list[dict[str, Any]]:
        """Let one check after the other open a batch; returns them, oldest first."""
        for amount_usd in amounts_usd:
            self.pay(amount_usd)
            self.check()
        return self.batches()[-len(amounts_usd) :]

    def pay_out(self, batch: Mapping[str, Any], amount_usdt: str) -> None:
        """Let ChangeNow finish a batch's exchange with this much."""
        self.deposit(batch)
        self.peers.exchange.finish(batch["cn_api_id"], Decimal(amount_usdt))

    def response(self, batch: Mapping[str, Any], amount_usdt: str, **odd: Any) -> str:
        """Write GCHostPay1's response token for a batch."""
        facts = {
            "batch_conversion_id": str(batch["batch_conversion_id"]),
            "cn_api_id": batch["cn_api_id"],
            "tx_hash": "0x" + "ab" * 32,
            "received": float(amount_usdt),
            "sent_at": self.clock(),
            "key": SIGNING_KEY,
        } | odd
        return response_token(**facts)

    def _remember(self, dependencies: Dependencies) -> Dependencies:
        self.opened.append(dependencies)
        return dependencies

    def _open_order(self, body: bytes) -> Order | None:
        import json

        token = json.loads(body)["token"]
        raw_time = decode(token)[-24:-16]
        return decrypt_microbatch_to_gchostpay1_token(token, [SIGNING_KEY], struct.unpack(">Q", raw_time)[0])


def run(connection: Connection, text: str, *parameters: Any) -> list[dict[str, Any]]:
    """Run a statement and return its rows by column name."""
    cursor = connection.cursor()
    cursor.execute(text, parameters)
    if not cursor.description:
        return []
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def decode(token: str) -> bytes:
    """Read base64url without padding."""
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(token + "=" * (-len(token) % 4))


def encode(raw: bytes) -> str:
    """Write base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(payload: bytes, key: str = SIGNING_KEY) -> str:
    """Sign a payload as the peer does and write the whole token."""
    return encode(payload + hmac.new(key.encode(), payload, hashlib.sha256).digest()[:16])


def response_payload(
    *, batch_conversion_id: str, cn_api_id: str, tx_hash: str, received: float, sent_at: datetime
) -> bytes:
    """Write the signed part of a response token by hand."""
    texts = b"".join(bytes([len(text.encode())]) + text.encode() for text in (batch_conversion_id, cn_api_id, tx_hash))
    return texts + struct.pack(">dQ", received, int(sent_at.timestamp()))


def response_token(*, key: str = SIGNING_KEY, **facts: Any) -> str:
    """Write a response token by hand, byte for byte as design section 6 has it."""
    return sign(response_payload(**facts), key)


def new_id() -> str:
    """Return a batch id that no batch has."""
    return str(uuid.uuid4())
