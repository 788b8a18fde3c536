"""Both functions as functions-framework processes between a database and stand-ins that a test can break."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from sandbox.postgres.session import open_session
from sandbox.world.function_process import FunctionProcess
from sandbox.world.functions import Functions
from shared.model.policy import POLICY_SECRET, THRESHOLD_SECRET
from tests.rig import API_KEY, FENCES, PROJECT, SIGNING_KEY, Peers, Rig

PATIENCE_S: Final = 60
EVENT_HEADERS: Final = {
    "Content-Type": "application/json",
    "ce-id": "1",
    "ce-source": f"//pubsub.googleapis.com/projects/{PROJECT}/topics/micro-batch-trigger",
    "ce-specversion": "1.0",
    "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
}
# What gRPC's C library notes on standard error when a server goes away; no setting of Python's logging reaches it.
GRPC_NOTE: Final = re.compile(r"[IWE]\d{4} [\d:.]+ +\d+ \w+\.cc:\d+\] |WARNING: All log messages before absl::")
TABLES: Final = (
    "payout_accumulation",
    "batch_conversions",
    "threshold_checks",
    "batch_events",
    "batch_state_changes",
)


@dataclass
class Stage:
    """The two processes and what surrounds them; *rig* plays people and neighbours with a session of its own."""

    rig: Rig
    functions: Functions
    _read_up_to: dict[str, int] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)

    @property
    def check_threshold(self) -> FunctionProcess:
        """The process of check_threshold."""
        return self.functions.check_threshold

    @property
    def swap_executed(self) -> FunctionProcess:
        """The process of swap_executed."""
        return self.functions.swap_executed

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log line may hold: keys, the database's password, every token sent so far."""
        password = urlsplit(self.rig.url).password
        assert password
        return (SIGNING_KEY, API_KEY, password, *(token for token in self.tokens if len(token) > 20))

    def reset(self) -> None:
        """Empty the database, forget faults, set a threshold of $20 and no policy, the clock to now."""
        self.rig.peers.exchange.faults.clear()
        self.rig.peers.tasks.faults.clear()
        self.rig.peers.secrets.faults.clear()
        for secret_id in (THRESHOLD_SECRET, POLICY_SECRET):
            with suppress(KeyError):
                self.rig.peers.secrets.delete_secret(PROJECT, secret_id)
        self.rig.set_threshold("20.00")
        self.rig.clock.now = datetime.now(UTC)
        self.rig.sql("SET session_replication_role = replica")  # what is settled is never deleted otherwise
        for table in TABLES:
            self.rig.sql(f"DELETE FROM {table}")
        self.rig.sql("RESET session_replication_role")
        self.rig.peers.storage.buckets.clear(FENCES)  # an emptied database has ordered nothing yet
        self.mark()

    def mark(self) -> None:
        """Let written() begin here."""
        self._read_up_to = {function.target.name: len(function.output) for function in self.functions}

    def written(self) -> list[str]:
        """The lines that both processes have written to either stream since the mark."""
        return [
            line
            for function in self.functions
            for line in function.output[self._read_up_to.get(function.target.name, 0) :].splitlines()
        ]

    def spoken(self) -> list[dict[str, Any]]:
        """Those lines as the JSON objects that they have to be, without stack traces and secrets."""
        lines = self.written()
        assert "Traceback" not in "\n".join(lines)
        for secret in self.secrets:
            assert secret not in "\n".join(lines)
        objects = [json.loads(line) for line in lines if not GRPC_NOTE.match(line)]
        for line in objects:
            assert {"severity", "message", "time"} <= line.keys()
            assert "stack_trace" not in line
        return objects

    def events(self) -> list[str]:
        """The events of those lines, oldest first."""
        return [line["event"] for line in self.spoken() if "event" in line]

    def tick(
        self,
        *,
        force: bool = False,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = PATIENCE_S,
    ) -> requests.Response:
        """Deliver one tick to check_threshold as Eventarc does."""
        message: dict[str, Any] = {"messageId": "1", "data": "Y2hlY2s="}
        if force:
            message["attributes"] = {"force": "true"}
        document = {"message": message, "subscription": "projects/p/subscriptions/s"}
        return requests.post(
            self.check_threshold.url,
            data=json.dumps(document),
            headers={**EVENT_HEADERS, **(headers or {})},
            timeout=timeout_s,
        )

    def call_back(
        self,
        token: str,
        path: str = "/swap-executed",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = PATIENCE_S,
    ) -> requests.Response:
        """Deliver a callback to swap_executed as Cloud Tasks does."""
        self.tokens.append(token)
        return requests.post(
            self.swap_executed.url + path, json={"token": token}, headers=dict(headers or {}), timeout=timeout_s
        )

    def health(self) -> requests.Response:
        """Ask swap_executed how it is."""
        return requests.get(self.swap_executed.url + "/health", timeout=PATIENCE_S)

    def open_batch(self, *amounts_usd: str) -> dict[str, Any]:
        """Let payments come in and one check claim and order them; returns the batch."""
        self.rig.pay(*amounts_usd)
        assert self.tick().status_code == 200
        return self.rig.batches()[-1]

    def paid_out_batch(self) -> dict[str, Any]:
        """The architecture document's example: 10, 15 and 25 dollars, for which 48.50 USDT have arrived."""
        batch = self.open_batch("10.00", "15.00", "25.00")
        self.rig.pay_out(batch, "48.50")
        return batch

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Everything in the database, to compare."""
        return {table: self.rig.sql(f"SELECT * FROM {table} ORDER BY id") for table in TABLES}

    def money(self) -> tuple[list[dict[str, Any]], ...]:
        """Payments, batches and events, to compare: what a refusal never touches."""
        rows = self.rows()
        return tuple(rows[table] for table in TABLES if table != "threshold_checks")

    def reason(self) -> str:
        """Why the latest check did what it did."""
        return str(self.rig.checks()[-1]["reason"])

    def assert_money_in_place(self) -> None:
        """Every payment is in exactly one place, every batch is worth its payments, and has one order at most."""
        payments, batches = self.rig.payments(), {row["batch_conversion_id"]: row for row in self.rig.batches()}
        for row in payments:
            batch = batches.get(row["batch_conversion_id"])
            assert (batch is None) == (row["conversion_status"] == "pending")
            if batch is not None:
                assert batch["conversion_status"] in ("pending", "swapping", "completed")
                assert (row["conversion_status"] == "completed") == (batch["conversion_status"] == "completed")
        for batch_id, batch in batches.items():
            mine = [row for row in payments if row["batch_conversion_id"] == batch_id]
            if batch["conversion_status"] != "failed":
                assert sum(row["accumulated_eth"] for row in mine) == batch["total_eth_usd"]
            if batch["conversion_status"] == "completed":
                assert sum(row["accumulated_amount_usdt"] for row in mine) == batch["actual_usdt_received"]
        ordered = [order.batch_conversion_id for order in self.rig.orders()]
        assert len(ordered) == len(set(ordered))
        assert all(batches[uuid.UUID(str(each))]["cn_api_id"] for each in ordered)

    def assert_ordered_once(self) -> dict[str, Any]:
        """All payments are claimed by one batch, whose one order is out and on record; returns the batch."""
        self.assert_money_in_place()
        (batch,) = (row for row in self.rig.batches() if row["conversion_status"] != "failed")
        assert {row["batch_conversion_id"] for row in self.rig.payments()} == {batch["batch_conversion_id"]}
        assert batch["conversion_status"] == "swapping"
        assert batch["task_enqueued_at"] is not None
        (order,) = self.rig.orders()
        assert (order.batch_conversion_id, order.cn_api_id) == (str(batch["batch_conversion_id"]), batch["cn_api_id"])
        assert order.payin_address == batch["payin_address"]
        return batch

    def reconnect(self) -> None:
        """Give the rig a new session, after the server was gone."""
        with suppress(Exception):
            self.rig.connection.close()
        self.rig.connection = open_session(self.rig.url)


@contextmanager
def running_stage(
    database_url: str,
    peers: Peers,
    folder: Path,
    *,
    seen_database_url: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """Start both functions on a migrated database, which they see at *seen_database_url* where that is another."""
    rig = Rig(database_url, peers)
    environment = {**rig.environment, "DATABASE_URL": seen_database_url or database_url, **(settings or {})}
    functions = Functions(environment, folder)
    try:
        functions.start()
        functions.ready()
        stage = Stage(rig, functions)
        stage.reset()
        yield stage
    finally:
        functions.kill()  # a stop in good order would wait for what still hangs
        with suppress(Exception):  # the server may be gone by now
            rig.close()
