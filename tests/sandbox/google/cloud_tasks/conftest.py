"""The stand-in with one queue, and Google's own client of it."""

from collections.abc import Iterator

import pytest
from google.cloud import tasks_v2

from sandbox.google.cloud_tasks.server import CloudTasks
from sandbox.wire.google_clients import tasks_client
from tests.sandbox.google.cloud_tasks.tasks import FAST, QUEUE


@pytest.fixture
def server() -> Iterator[CloudTasks]:
    with CloudTasks() as running:
        running.create_queue(QUEUE, min_backoff=FAST, max_backoff=FAST)
        yield running


@pytest.fixture
def client(server: CloudTasks) -> Iterator[tasks_v2.CloudTasksClient]:
    with tasks_client(server.address) as client:
        yield client
