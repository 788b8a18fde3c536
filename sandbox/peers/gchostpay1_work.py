"""What GCHostPay1 does with an order: looks at the exchange, pays, asks how it ends, calls back."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import requests
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import tasks_v2

from sandbox.chain.wallet import RefusedByNodeError, Wallet
from sandbox.changenow.coins import transaction_hash
from sandbox.changenow.exchange import END, FINAL
from sandbox.peers.gchostpay1_ledger import Ledger, Payment
from sandbox.peers.gchostpay1_tokens import Execution, Order, encrypt_gchostpay1_to_microbatch_token
from sandbox.wire.decimal_json import dump_json, load_json
from sandbox.wire.google_clients import tasks_client

log = logging.getLogger(__name__)

HTTP_TIMEOUT_S: Final = 10.0
TASK_TIMEOUT_S: Final = 5.0
PAUSE_AFTER_FAULT_S: Final = 0.2
PAYABLE: Final = "waiting"


@dataclass(frozen=True)
class Behaviour:
    """How the service works; the defaults are what is deployed."""

    checks_for_duplicates: bool = False  # before it pays; otherwise an order that comes twice is paid twice
    asks_anew: bool = False  # about an order that was refused; otherwise its first status stands for ever
    asks_until_final: bool = False  # otherwise it gives up after QUESTIONS_MAX
    callback_account: str = ""  # the identity of its callback tasks; empty: none
    # Of a day on which something goes wrong:
    silent: bool = False  # it pays and never calls back
    late_s: float = 0.0  # how long it waits with the callback
    twice: bool = False  # it calls back twice
    pay_fails: bool = False  # it takes the order, and the wallet does not pay
    pays_late_s: float = 0.0  # how long it waits with the payment
    pays_share: Decimal = Decimal(1)  # of the amount ordered
    pays_times: int = 1


QUESTIONS_MAX: Final = 4  # at once, and three times more
QUESTION_INTERVAL_S: Final = 300.0
CHANGED: Final = Behaviour(
    checks_for_duplicates=True,
    asks_anew=True,
    asks_until_final=True,
    callback_account="gchostpay1@telepay-sandbox.iam.gserviceaccount.com",
)


@dataclass(frozen=True)
class Endpoints:
    """Where GCHostPay1 finds its peers."""

    changenow_url: str
    changenow_api_key: str
    tasks_address: str  # host:port of Cloud Tasks
    response_queue: str  # projects/P/locations/L/queues/microbatch-response-queue
    microbatch_url: str  # the callback goes to <microbatch_url>/swap-executed
    node_url: str = ""  # of the chain; without one, ChangeNow is told of the coins
    wallet_address: str = ""  # the host wallet's ETH, on that chain


@dataclass(frozen=True)
class Errand:
    """One order, worked on from its acceptance to the callback."""

    order: Order
    behaviour: Behaviour
    endpoints: Endpoints
    ledger: Ledger
    signing_keys: Sequence[str]
    clock: Callable[[], float]
    interval_s: float
    stopping: threading.Event

    def run(self) -> None:
        """Do all of it; a service that stops leaves it where it is."""
        status = self._await_status()
        if status is None:
            return
        if status != PAYABLE:
            self._refuse(status)
            return
        if self.behaviour.pay_fails or self.stopping.wait(self.behaviour.pays_late_s):
            return
        hashes = [self._pay() for _ in range(self.behaviour.pays_times)]
        received = self._await_end(hashes[0])
        if received is None or self.behaviour.silent or self.stopping.wait(self.behaviour.late_s):
            return
        for _ in range(2 if self.behaviour.twice else 1):
            self._call_back(hashes[0], received)

    def _await_status(self) -> str | None:
        """The exchange's status before the payment; asked until ChangeNow tells one, as its own queue would repeat."""
        frozen = None if self.behaviour.asks_anew else self.ledger.refused.get(self.order.batch_conversion_id)
        while frozen is None and not self.stopping.is_set():
            frozen = self._ask().get("status")
            if frozen is None:
                self.stopping.wait(PAUSE_AFTER_FAULT_S)
        return None if frozen is None else str(frozen)

    def _refuse(self, status: str) -> None:
        log.info("order of %s refused: its exchange is %s", self.order.batch_conversion_id, status)
        self.ledger.refuse(self.order.batch_conversion_id, status)
        if self.behaviour.asks_anew:
            self.ledger.forget(self.order)

    def _pay(self) -> str:
        """Send the coins, and only then write it down: what comes twice at once is paid twice."""
        amount_eth = (self.order.from_amount * self.behaviour.pays_share).quantize(Decimal("1e-18"))
        tx_hash = transaction_hash()
        try:
            if self.endpoints.node_url:
                wallet = Wallet(self.endpoints.node_url, self.endpoints.wallet_address)
                tx_hash = wallet.send_eth(self.order.payin_address, amount_eth)
            else:
                self._tell(amount_eth, tx_hash)
        except (requests.RequestException, RefusedByNodeError) as error:
            # The coins may or may not have left: they are not sent again, the exchange will tell.
            log.warning("the chain did not confirm the payment: %s", type(error).__name__)
        self.ledger.pay(
            Payment(
                self.order.batch_conversion_id,
                self.order.cn_api_id,
                self.order.payin_address,
                amount_eth.normalize(),
                tx_hash,
                datetime.now(UTC),
            )
        )
        return tx_hash

    def _tell(self, amount_eth: Decimal, tx_hash: str) -> None:
        """Let the coins reach ChangeNow without a chain."""
        deposit = {"payin_address": self.order.payin_address, "amount_eth": amount_eth, "tx_hash": tx_hash}
        url = f"{self.endpoints.changenow_url}/_chain/deposit"
        requests.post(url, data=dump_json(deposit), timeout=HTTP_TIMEOUT_S).raise_for_status()

    def _await_end(self, tx_hash: str) -> Decimal | None:
        """Ask how the exchange ends; the USDT it paid out, None when it did not or too many questions were asked."""
        asked = 0
        while not self.stopping.is_set():
            exchange = self._ask()
            status = str(exchange.get("status", "unknown"))
            received: Decimal | None = exchange.get("amountTo") if status == END else None
            self.ledger.note(tx_hash, exchange_status=status, usdt_received=received)
            asked += 1
            if received is not None or self._gives_up(asked, status):
                return received
            self.stopping.wait(self.interval_s)
        return None

    def _gives_up(self, asked: int, status: str) -> bool:
        """Whether to ask no more about an exchange that has paid nothing out; deployed, only the number counts."""
        if self.behaviour.asks_until_final:
            return status in FINAL and status != END
        return asked >= QUESTIONS_MAX

    def _ask(self) -> dict[str, Any]:
        """ChangeNow's record of the exchange; an empty one while it does not answer well."""
        try:
            answer = requests.get(
                f"{self.endpoints.changenow_url}/exchange/by-id",
                params={"id": self.order.cn_api_id},
                headers={"x-changenow-api-key": self.endpoints.changenow_api_key},
                timeout=HTTP_TIMEOUT_S,
            )
            document = load_json(answer.content) if answer.status_code == 200 else {}
        except (requests.RequestException, ValueError) as error:
            log.info("ChangeNow does not answer: %s", type(error).__name__)
            return {}
        return document if isinstance(document, dict) else {}

    def _call_back(self, tx_hash: str, received: Decimal) -> None:
        """Put the callback on the response queue, and try again while Cloud Tasks is away.

        The task has no name, as with the deployed service: a lost answer means a second callback.
        """
        execution = Execution(self.order.batch_conversion_id, self.order.cn_api_id, tx_hash, received)
        task = self._callback_task(execution)
        with tasks_client(self.endpoints.tasks_address) as client:
            while not self.stopping.is_set():
                try:
                    client.create_task(parent=self.endpoints.response_queue, task=task, timeout=TASK_TIMEOUT_S)
                except GoogleAPICallError as error:
                    log.info("Cloud Tasks does not take the callback: %s", error.code)
                    self.stopping.wait(PAUSE_AFTER_FAULT_S)
                else:
                    self.ledger.note(tx_hash, called_back_at=datetime.now(UTC))
                    return

    def _callback_task(self, execution: Execution) -> tasks_v2.Task:
        token = encrypt_gchostpay1_to_microbatch_token(execution, self.signing_keys[0], int(self.clock()))
        request = tasks_v2.HttpRequest(
            url=f"{self.endpoints.microbatch_url}/swap-executed",
            http_method=tasks_v2.HttpMethod.POST,
            headers={"Content-Type": "application/json"},
            body=dump_json({"token": token}),
        )
        if self.behaviour.callback_account:
            request.oidc_token = tasks_v2.OidcToken(
                service_account_email=self.behaviour.callback_account, audience=self.endpoints.microbatch_url
            )
        return tasks_v2.Task(http_request=request)
