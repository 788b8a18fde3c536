"""A batch's orders as they stand in GCHostPay1's queue: still there, how often delivered, taken out."""

import uuid
from dataclasses import dataclass
from typing import Final

from google.api_core import exceptions
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError

from ops.command_line.failures import Away
from shared.outside.cloud_tasks import OrderQueue

TIMEOUT_S: Final = 8  # somebody waits at the keyboard
RETRY: Final = Retry(timeout=TIMEOUT_S)


@dataclass(frozen=True)
class OrderTask:
    """An order that the queue still holds."""

    name: str
    deliveries: int


def list_order_tasks(orders: OrderQueue, batch_conversion_id: uuid.UUID, resent: int) -> list[OrderTask]:
    """Find the batch's first order and those that were sent again; one that has ended is not there any more."""
    found = []
    for again in range(resent + 1):
        name = orders.task_name(batch_conversion_id, again)
        try:
            task = orders.client.get().get_task(name=name, timeout=TIMEOUT_S, retry=RETRY)
        except exceptions.NotFound:
            continue
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise Away(f"Cloud Tasks cannot be asked for the order: {error}") from error
        found.append(OrderTask(name, task.dispatch_count))
    return found


def withdraw(orders: OrderQueue, tasks: list[OrderTask]) -> None:
    """Take orders out of the queue; one that has just ended by itself is gone as well."""
    for task in tasks:
        try:
            orders.client.get().delete_task(name=task.name, timeout=TIMEOUT_S, retry=RETRY)
        except exceptions.NotFound:
            continue
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise Away(f"the order could not be taken out of its queue: {error}") from error
