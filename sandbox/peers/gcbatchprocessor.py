"""GCBatchProcessor, which pays clients out: at each tick it sums what each is owed, queues the payout, marks it paid.

As deployed it sums every unpaid payment, converted or not; one client whose sum is NULL stops the payouts of all; and
an error while marking is swallowed, so that the same client is paid again at the next tick. Its successor counts only
payments whose conversion is complete.
"""

import json
import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

import pg8000.dbapi
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import tasks_v2

from sandbox.peers.database import database_connection
from sandbox.wire.google_clients import tasks_client
from sandbox.wire.http_server import Answer, HttpServer, Request

log = logging.getLogger(__name__)

TASK_TIMEOUT_S: Final = 5.0
OWED: Final = """
SELECT p.client_id, SUM(p.accumulated_amount_usdt), COUNT(*), c.payout_threshold_usd
FROM payout_accumulation AS p JOIN main_clients_database AS c ON p.client_id = c.closed_channel_id
WHERE p.is_paid_out = FALSE {only}
GROUP BY p.client_id, p.client_wallet_address, p.client_payout_currency, p.client_payout_network, c.payout_threshold_usd
ORDER BY p.client_id
"""
ONLY_CONVERTED: Final = "AND p.is_conversion_complete = TRUE"
MARK: Final = """
UPDATE payout_accumulation SET is_paid_out = TRUE, payout_batch_id = %s, paid_out_at = NOW(), updated_at = NOW()
WHERE client_id = %s AND is_paid_out = FALSE
"""


@dataclass(frozen=True)
class Payout:
    """What a client was sent."""

    payout_batch_id: str
    client_id: str
    amount_usdt: Decimal
    payments_count: int


@dataclass(frozen=True)
class PayoutQueue:
    """Where payouts go: Cloud Tasks at *address*, a queue's full name, and the URL of who sends them."""

    address: str
    queue: str
    url: str

    def add(self, payout: Payout) -> None:
        """Queue one payout; every call is a new one."""
        body = json.dumps(asdict(payout), default=str).encode()
        request = tasks_v2.HttpRequest(url=self.url, headers={"Content-Type": "application/json"}, body=body)
        with tasks_client(self.address) as client:
            client.create_task(parent=self.queue, task=tasks_v2.Task(http_request=request), timeout=TASK_TIMEOUT_S)


class GCBatchProcessor(HttpServer):
    """The service; POST / is one tick of its scheduler."""

    def __init__(
        self, *, database_url: str, send: Callable[[Payout], None], only_converted: bool = False, port: int = 0
    ) -> None:
        super().__init__(port)
        self.database_url = database_url
        self.only_converted = only_converted
        self._send = send
        self._lock = threading.Lock()
        self._payouts: list[Payout] = []

    @property
    def payouts(self) -> list[Payout]:
        """Every payout that was queued, oldest first; a client that is paid twice stands twice."""
        with self._lock:
            return list(self._payouts)

    def answer(self, request: Request) -> Answer:
        """Make one tick, or say how it is."""
        if request.method != "POST":
            return Answer(200, {"status": "healthy"})
        try:
            paid = self.tick()
        except (OSError, pg8000.dbapi.Error, GoogleAPICallError, TypeError) as error:
            return Answer(500, {"status": "error", "message": f"no payouts now: {error}"})
        return Answer(200, {"status": "success", "batches_created": len(paid)})

    def tick(self) -> list[Payout]:
        """Pay every client that is owed its threshold; TypeError where a sum is NULL, and nobody is paid."""
        with database_connection(self.database_url) as connection:
            cursor = connection.cursor()
            cursor.execute(OWED.format(only=ONLY_CONVERTED if self.only_converted else ""))
            rows = cursor.fetchall()
            connection.rollback()
            due = [row for row in rows if row[1] >= row[3]]
            return [self._pay_out(connection, row) for row in due]

    def _pay_out(self, connection: Any, row: Any) -> Payout:
        """Queue the payout, and only then mark the payments."""
        payout = Payout(str(uuid.uuid4()), row[0], row[1], row[2])
        self._send(payout)
        with self._lock:
            self._payouts.append(payout)
        try:
            connection.cursor().execute(MARK, (payout.payout_batch_id, payout.client_id))
            connection.commit()
        except pg8000.dbapi.Error as error:
            log.warning("payout %s is queued and cannot be marked: %s", payout.payout_batch_id, error)
            connection.rollback()
        return payout
