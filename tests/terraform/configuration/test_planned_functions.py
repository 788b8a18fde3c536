"""A function unpacked from its archive serves with exactly the environment that the plan gives it."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.google.pubsub.server import PubSub
from sandbox.google.secret_manager.server import SecretManager
from sandbox.google.storage.server import Storage
from sandbox.postgres.session import query
from shared.model.policy import THRESHOLD_SECRET
from shared.serving.worker import REQUESTS_MAX
from tests.ops.archives import served, unpack
from tests.terraform.configuration.planned_environment import environment
from tests.terraform.tool import Terraform, resources

TICK = {
    "ce-specversion": "1.0",
    "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
    "ce-source": "//pubsub.googleapis.com/projects/p/topics/micro-batch-trigger",
    "ce-id": "1",
}


def started(
    archive: Path, folder: Path, planned: dict[str, Any], environ: dict[str, str]
) -> AbstractContextManager[str]:
    """Unpack the archive and start the planned entry point there, with no other code of ours on the path."""
    unpack(archive, folder)
    signature_type = "cloudevent" if planned["event_trigger"] else "http"
    entry_point = planned["build_config"][0]["entry_point"]
    return served(folder, entry_point, signature_type, environ, programs=Path(sys.executable).parent)


@pytest.fixture
def stand_ins(database_url: str, plan: dict[str, Any]) -> Iterator[dict[str, str]]:
    """What is added to the plan's environment: only addresses. The threshold is the plan's own seed."""
    seed = resources(plan)[f'google_secret_manager_secret_version.seed["{THRESHOLD_SECRET}"]']
    fence = environment(plan, "check_threshold")["FENCE"]
    with SecretManager() as secrets, PubSub() as pubsub, Storage() as storage:
        storage.buckets.create(fence.removeprefix("gs://").partition("/")[0])
        project = plan["variables"]["project_id"]["value"]
        secrets.add_version(project, THRESHOLD_SECRET, seed["secret_data"])
        yield {
            "CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:1",
            "DATABASE_URL": database_url,
            "PUBSUB_EMULATOR_HOST": pubsub.address,
            "SECRET_MANAGER_EMULATOR_HOST": secrets.address,
            "STORAGE_EMULATOR_HOST": storage.address,
        }


def test_check_threshold_takes_a_tick(
    plan: dict[str, Any], offline: Terraform, tmp_path: Path, stand_ins: dict[str, str]
) -> None:
    """A tick is a 200 and a row, with the threshold that the plan writes into the secret."""
    planned = resources(plan)['google_cloudfunctions2_function.main["check_threshold"]']
    archive = offline.folder.parent / "build" / "check_threshold.zip"
    environ = environment(plan, "check_threshold") | stand_ins
    with started(archive, tmp_path / "function", planned, environ) as url:
        answer = requests.post(url, headers=TICK, json={"message": {}, "subscription": "s"}, timeout=60)
    assert answer.status_code == 200, answer.text
    sql = "SELECT reason, threshold_usd, threshold_source FROM threshold_checks"
    assert query(stand_ins["DATABASE_URL"], sql) == [("below_threshold", 20, "secret")]


def test_swap_executed_answers(
    plan: dict[str, Any], offline: Terraform, tmp_path: Path, stand_ins: dict[str, str]
) -> None:
    """Healthy with its database, and a body that is no token is refused."""
    planned = resources(plan)['google_cloudfunctions2_function.main["swap_executed"]']
    archive = offline.folder.parent / "build" / "swap_executed.zip"
    environ = environment(plan, "swap_executed") | stand_ins
    with started(archive, tmp_path / "function", planned, environ) as url:
        health = requests.get(f"{url}/health", timeout=60)
        refusal = requests.post(f"{url}/swap-executed", json={"token": "no token"}, timeout=60)
    assert (health.status_code, health.json()["status"]) == (200, "healthy")
    assert refusal.status_code == 400


def test_an_instance_is_sent_no_more_than_it_has_threads_for(plan: dict[str, Any]) -> None:
    """Forty strangers leave as many again for callbacks; a check needs none beside it."""
    planned = resources(plan)
    sent = {
        name: planned[f'google_cloudfunctions2_function.main["{name}"]']["service_config"][0][
            "max_instance_request_concurrency"
        ]
        for name in ("check_threshold", "swap_executed")
    }
    assert sent == {"check_threshold": 1, "swap_executed": REQUESTS_MAX}
