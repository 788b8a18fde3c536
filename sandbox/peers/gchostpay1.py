"""GCHostPay1, the host wallet's service: opens payment orders, pays, waits, and calls back.

It answers an order at once and works on it in a thread: one payment per batch id, ChangeNow asked
until the exchange is finished, then a task on the response queue that calls the functions back.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import requests
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import tasks_v2

from sandbox.changenow.exchange import FINAL
from sandbox.peers.gchostpay1_tokens import (
    Execution,
    Order,
    UnreadableTokenError,
    UntrustedTokenError,
    decrypt_microbatch_to_gchostpay1_token,
    encrypt_gchostpay1_to_microbatch_token,
)
from sandbox.wire.decimal_json import dump_json, load_json
from sandbox.wire.google_clients import tasks_client
from sandbox.wire.http_server import Answer, HttpServer, Request

log = logging.getLogger(__name__)

HTTP_TIMEOUT_S = 10.0
TASK_TIMEOUT_S = 5.0
# A peer may be down for a while; the payment is made, so it is asked and told again and again.
PAUSE_AFTER_FAULT_S = 0.2
STOP_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Behaviour:
    """How the wallet's service misbehaves; by default it does not."""

    silent: bool = False  # it pays and never calls back
    late_s: float = 0.0  # how long it waits with the callback
    twice: bool = False  # it calls back twice
    pay_fails: bool = False  # it takes the order, and the wallet does not pay


@dataclass(frozen=True)
class Endpoints:
    """Where GCHostPay1 finds its peers."""

    changenow_url: str
    changenow_api_key: str
    tasks_address: str  # host:port of Cloud Tasks
    response_queue: str  # projects/P/locations/L/queues/microbatch-response-queue
    microbatch_url: str  # the callback goes to <microbatch_url>/swap-executed


@dataclass(frozen=True)
class Payment:
    """One entry of the ledger: ETH that left the wallet for a batch."""

    batch_conversion_id: str
    cn_api_id: str
    payin_address: str
    amount_eth: Decimal
    tx_hash: str
    paid_at: datetime
    exchange_status: str = "waiting"
    usdt_received: Decimal | None = None
    called_back_at: datetime | None = None


class GCHostPay1(HttpServer):
    """The service; give it the comma-separated signing keys that the functions have."""

    def __init__(
        self,
        *,
        signing_keys: str,
        endpoints: Endpoints,
        clock: Callable[[], float] = time.time,
        poll_interval_s: float = 0.1,
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self.behaviour = Behaviour()
        self.endpoints = endpoints
        self._keys = [key.strip() for key in signing_keys.split(",") if key.strip()]
        self._clock = clock
        self._poll_interval_s = poll_interval_s
        self._lock = threading.Lock()
        self._orders: dict[str, Order] = {}
        self._payments: list[Payment] = []
        self._workers: list[threading.Thread] = []
        self._stopping = threading.Event()

    @property
    def orders(self) -> list[Order]:
        """The orders that were accepted, one per batch, oldest first."""
        with self._lock:
            return list(self._orders.values())

    @property
    def payments(self) -> list[Payment]:
        """The ledger, oldest first."""
        with self._lock:
            return list(self._payments)

    def payments_of(self, batch_conversion_id: str) -> list[Payment]:
        """What was paid for one batch: one entry when all is well."""
        return [p for p in self.payments if p.batch_conversion_id == batch_conversion_id]

    def start(self) -> None:
        """Take orders until stop()."""
        self._stopping.clear()
        super().start()

    def stop(self) -> None:
        """Take no more orders and give up those under way; the ledger stays readable."""
        self._stopping.set()
        super().stop()
        for worker in self._workers:
            worker.join(STOP_PATIENCE_S)

    def answer(self, request: Request) -> Answer:
        """Open and take the order that is posted."""
        if request.method != "POST":
            return Answer(200, {"status": "healthy"})
        try:
            order = self._open(request.body)
        except UnreadableTokenError as error:
            return Answer(400, {"status": "error", "message": str(error)})
        except UntrustedTokenError as error:
            return Answer(401, {"status": "error", "message": str(error)})
        return self._accept(order)

    def _open(self, body: bytes) -> Order:
        try:
            document = load_json(body)
        except ValueError as error:
            raise UnreadableTokenError("the body is not JSON") from error
        token = document.get("token") if isinstance(document, dict) else None
        if not isinstance(token, str):
            raise UnreadableTokenError("the body holds no token")
        return decrypt_microbatch_to_gchostpay1_token(token, self._keys, int(self._clock()))

    def _accept(self, order: Order) -> Answer:
        """Note the order and set to work, unless this batch has one already."""
        with self._lock:
            known = self._orders.setdefault(order.batch_conversion_id, order) is not order
            if not known:
                worker = threading.Thread(target=self._execute, args=(order,), daemon=True)
                self._workers.append(worker)
                worker.start()
        status = "duplicate" if known else "accepted"
        return Answer(200, {"status": status, "batch_conversion_id": order.batch_conversion_id})

    def _execute(self, order: Order) -> None:
        """Pay, wait for the exchange, call back."""
        behaviour = self.behaviour
        if behaviour.pay_fails:
            return
        tx_hash = self._pay(order)
        received = self._await_exchange(order)
        if received is None or behaviour.silent or self._stopping.wait(behaviour.late_s):
            return
        execution = Execution(order.batch_conversion_id, order.cn_api_id, tx_hash, received)
        self._call_back(execution)
        if behaviour.twice:
            self._call_back(execution)

    def _pay(self, order: Order) -> str:
        """Send the coins: the ledger's entry is made first, so that nothing is ever paid twice."""
        tx_hash = "0x" + secrets.token_hex(32)
        payment = Payment(
            order.batch_conversion_id,
            order.cn_api_id,
            order.payin_address,
            order.from_amount,
            tx_hash,
            datetime.now(UTC),
        )
        with self._lock:
            self._payments.append(payment)
        deposit = {
            "payin_address": order.payin_address,
            "amount_eth": order.from_amount,
            "tx_hash": tx_hash,
        }
        try:
            requests.post(
                f"{self.endpoints.changenow_url}/_chain/deposit",
                data=dump_json(deposit),
                timeout=HTTP_TIMEOUT_S,
            ).raise_for_status()
        except requests.RequestException as error:
            # The coins may or may not have left: they are not sent again, the exchange will tell.
            log.warning("the chain did not confirm the payment: %s", type(error).__name__)
        return tx_hash

    def _await_exchange(self, order: Order) -> Decimal | None:
        """Ask until the exchange is final; the USDT it paid out, None when it did not."""
        while not self._stopping.is_set():
            exchange = self._ask(order.cn_api_id)
            status = str(exchange.get("status", "unknown"))
            received = exchange.get("amountTo") if status == "finished" else None
            self._note(order.batch_conversion_id, exchange_status=status, usdt_received=received)
            if status in FINAL and (status != "finished" or received is not None):
                return received
            self._stopping.wait(self._poll_interval_s)
        return None

    def _ask(self, cn_api_id: str) -> dict[str, Any]:
        """ChangeNow's record of the exchange; an empty one while it does not answer well."""
        try:
            answer = requests.get(
                f"{self.endpoints.changenow_url}/exchange/by-id",
                params={"id": cn_api_id},
                headers={"x-changenow-api-key": self.endpoints.changenow_api_key},
                timeout=HTTP_TIMEOUT_S,
            )
            document = load_json(answer.content) if answer.status_code == 200 else {}
        except (requests.RequestException, ValueError) as error:
            log.info("ChangeNow does not answer: %s", type(error).__name__)
            return {}
        return document if isinstance(document, dict) else {}

    def _call_back(self, execution: Execution) -> None:
        """Put the callback on the response queue, and try again while Cloud Tasks is away.

        The task has no name, as with the deployed service: a lost answer means a second callback.
        """
        token = encrypt_gchostpay1_to_microbatch_token(execution, self._keys[0], int(self._clock()))
        task = tasks_v2.Task(
            http_request=tasks_v2.HttpRequest(
                url=f"{self.endpoints.microbatch_url}/swap-executed",
                http_method=tasks_v2.HttpMethod.POST,
                headers={"Content-Type": "application/json"},
                body=dump_json({"token": token}),
            )
        )
        with tasks_client(self.endpoints.tasks_address) as client:
            while not self._stopping.is_set():
                try:
                    client.create_task(parent=self.endpoints.response_queue, task=task, timeout=TASK_TIMEOUT_S)
                except GoogleAPICallError as error:
                    log.info("Cloud Tasks does not take the callback: %s", error.code)
                    self._stopping.wait(PAUSE_AFTER_FAULT_S)
                else:
                    self._note(execution.batch_conversion_id, called_back_at=datetime.now(UTC))
                    return

    def _note(self, batch_conversion_id: str, **facts: Any) -> None:
        """Write what became of a payment into its entry of the ledger."""
        with self._lock:
            for index, payment in enumerate(self._payments):
                if payment.batch_conversion_id == batch_conversion_id:
                    self._payments[index] = replace(payment, **facts)
