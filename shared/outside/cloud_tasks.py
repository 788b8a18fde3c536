"""Cloud Tasks: the one place from which a payment order leaves."""

import json
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from shared.errors import OrderRefused, OrderUnknown
from shared.outside.google_client import GoogleClient
from shared.outside.timed_calls import Deadline

if TYPE_CHECKING:
    from google.cloud.tasks_v2 import CloudTasksClient

ATTEMPTS_MAX: Final = 3
ORDER_WITHIN_S: Final = 25  # all attempts together
ATTEMPT_TIMEOUT_S: Final = 10
PAUSE_S: Final = 0.5


class OrderQueue:
    """GCHostPay1's queue; a batch's order is a task named after the batch, so that a second one is refused."""

    def __init__(
        self,
        *,
        queue: str,
        url: str,
        invoker: str | None,
        emulator: str | None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._queue = queue
        self._url = url
        self._invoker = invoker
        self._emulator = emulator
        self._sleep = sleep
        self.client = GoogleClient(self._new_client)

    def enqueue_gchostpay1_batch_execution(self, batch_conversion_id: uuid.UUID, token: str, again: int = 0) -> bool:
        """Hand the order to Cloud Tasks; returns False where a task of that name was there already.

        *again* counts the orders that an operator sent once more: each has a name of its own.

        The client repeats nothing by itself; with a name it is safe to. Raises OrderRefused when surely no task was
        made, and OrderUnknown when any attempt's answer was lost.
        """
        from google.api_core.exceptions import AlreadyExists

        request: dict[str, Any] = {"parent": self._queue, "task": self._task(batch_conversion_id, token, again)}
        deadline = Deadline(ORDER_WITHIN_S)
        is_in_doubt = False
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                self._create_task(request, deadline)
            except AlreadyExists:
                return False
            except OrderRefused as refusal:
                raise OrderUnknown(str(refusal)) if is_in_doubt else refusal from refusal.__cause__
            except OrderUnknown:
                is_in_doubt = True
                if attempt < ATTEMPTS_MAX and deadline.leaves(PAUSE_S * attempt):
                    self._sleep(PAUSE_S * attempt)
                    continue
                raise
            else:
                return True
        raise AssertionError("the last attempt returns or raises")

    def _create_task(self, request: dict[str, Any], deadline: Deadline) -> None:
        """Try it once; raises AlreadyExists, OrderRefused or OrderUnknown."""
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        is_asked = False
        try:
            self.client.get()
            within_s = min(ATTEMPT_TIMEOUT_S, deadline.get_left_s())
            is_asked = True
            self.client.call(within_s, lambda client: client.create_task(request, timeout=within_s))
        except exceptions.AlreadyExists:
            raise
        except (
            exceptions.BadRequest,
            exceptions.Unauthorized,
            exceptions.Forbidden,
            exceptions.NotFound,
            exceptions.TooManyRequests,
            GoogleAuthError,
        ) as error:  # said before anything is made; whatever else comes back says nothing about the task
            raise OrderRefused(f"Cloud Tasks refused the order: {_reason(error)}") from error
        except (exceptions.GoogleAPIError, TimeoutError) as error:
            kind = OrderUnknown if is_asked else OrderRefused  # without a client nothing was asked
            raise kind(f"Cloud Tasks did not answer: {_reason(error)}") from error

    def task_name(self, batch_conversion_id: uuid.UUID, again: int = 0) -> str:
        """Return the full name of a batch's order."""
        return f"{self._queue}/tasks/batch-{batch_conversion_id}" + (f"-{again}" if again else "")

    def _task(self, batch_conversion_id: uuid.UUID, token: str, again: int) -> dict[str, Any]:
        request: dict[str, Any] = {
            "http_method": "POST",
            "url": self._url,
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps({"token": token}).encode(),
        }
        if self._invoker:
            parts = urlsplit(self._url)
            request["oidc_token"] = {
                "service_account_email": self._invoker,
                "audience": f"{parts.scheme}://{parts.netloc}",
            }
        return {"name": self.task_name(batch_conversion_id, again), "http_request": request}

    def _new_client(self) -> "CloudTasksClient":
        from google.cloud.tasks_v2 import CloudTasksClient

        if not self._emulator:
            return CloudTasksClient()
        import grpc
        from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

        return CloudTasksClient(transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(self._emulator)))


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
