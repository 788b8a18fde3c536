"""Where the parts of one installation are, and the Cloud Tasks client that looks into its queues."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import grpc
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport


@dataclass(frozen=True)
class Installation:
    """Terraform's output ``installation``: full resource names, but for the URL and the account."""

    callback_account: str | None
    """Whose OIDC token swap_executed takes; None where it takes calls without one."""
    callback_queue: str
    callback_url: str
    operations_job: str | None
    """The job that verbs run in where the database is private; None where they run here."""
    order_queue: str
    packages_bucket: str
    scheduler_job: str
    services: Mapping[str, str]
    """The functions' Cloud Run services; none where what passes is not to be put on record."""
    trigger_topic: str

    @classmethod
    def read(cls, outputs: Mapping[str, Any]) -> Self:
        """Read the document of ``terraform output -json``; raises ValueError when it is another, or an empty one."""
        if outputs == {}:
            raise ValueError(
                "Terraform has made nothing here yet: make prepare, make plan, make deploy; or another ENV"
            )
        try:
            value = outputs["installation"]["value"]
            return cls(**{field.name: value[field.name] for field in fields(cls)})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not the outputs of this configuration ({error})") from error


def tasks_client() -> tasks_v2.CloudTasksClient:
    """Cloud Tasks, or the stand-in that CLOUD_TASKS_EMULATOR_HOST names, without credentials."""
    emulator = os.environ.get("CLOUD_TASKS_EMULATOR_HOST", "").strip()
    if not emulator:
        return tasks_v2.CloudTasksClient()
    channel = grpc.insecure_channel(emulator)
    return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
