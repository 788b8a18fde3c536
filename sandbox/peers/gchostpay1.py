"""GCHostPay1, the host wallet's service: opens payment orders, pays, waits, and calls back.

It answers an order at once and works on it in a thread. As deployed it does not look whether the batch has been paid
already, refuses an order whose exchange is not `waiting` yet and every redelivery of it, asks four times how the
exchange ends and then never calls back, and gives its callbacks no identity; CHANGED is the service as
docs/reference/peers.md asks for it.
"""

import threading
import time
from collections.abc import Callable

from sandbox.peers.gchostpay1_ledger import Ledger, Payment
from sandbox.peers.gchostpay1_tokens import (
    Order,
    UnreadableTokenError,
    UntrustedTokenError,
    decrypt_microbatch_to_gchostpay1_token,
)
from sandbox.peers.gchostpay1_work import CHANGED, QUESTION_INTERVAL_S, Behaviour, Endpoints, Errand
from sandbox.wire.decimal_json import load_json
from sandbox.wire.http_server import Answer, HttpServer, Request

__all__ = ["CHANGED", "Behaviour", "Endpoints", "GCHostPay1", "Payment"]

STOP_PATIENCE_S = 20.0


class GCHostPay1(HttpServer):
    """The service; give it the comma-separated signing keys that the functions have."""

    def __init__(
        self,
        *,
        signing_keys: str,
        endpoints: Endpoints,
        behaviour: Behaviour | None = None,
        clock: Callable[[], float] = time.time,
        interval_s: float = QUESTION_INTERVAL_S,
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self.behaviour = behaviour or Behaviour()
        self.endpoints = endpoints
        self.interval_s = interval_s
        self.ledger = Ledger()
        self.signing_keys = [key.strip() for key in signing_keys.split(",") if key.strip()]
        self._clock = clock
        self._workers: list[threading.Thread] = []
        self._stopping = threading.Event()

    @property
    def orders(self) -> list[Order]:
        """The orders that were taken, oldest first."""
        return self.ledger.orders

    @property
    def payments(self) -> list[Payment]:
        """What was paid, oldest first."""
        return self.ledger.payments

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
        return self._take(order)

    def _open(self, body: bytes) -> Order:
        try:
            document = load_json(body)
        except ValueError as error:
            raise UnreadableTokenError("the body is not JSON") from error
        token = document.get("token") if isinstance(document, dict) else None
        if not isinstance(token, str):
            raise UnreadableTokenError("the body holds no token")
        return decrypt_microbatch_to_gchostpay1_token(token, self.signing_keys, int(self._clock()))

    def _take(self, order: Order) -> Answer:
        """Note the order and set to work; a changed service answers a duplicate and does nothing."""
        taken = self.ledger.take(order, once=self.behaviour.checks_for_duplicates)
        if taken:
            errand = Errand(
                order=order,
                behaviour=self.behaviour,
                endpoints=self.endpoints,
                ledger=self.ledger,
                signing_keys=tuple(self.signing_keys),
                clock=self._clock,
                interval_s=self.interval_s,
                stopping=self._stopping,
            )
            worker = threading.Thread(target=errand.run, daemon=True)
            self._workers.append(worker)
            worker.start()
        status = "accepted" if taken else "duplicate"
        return Answer(200, {"status": status, "batch_conversion_id": order.batch_conversion_id})
