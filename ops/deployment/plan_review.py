"""Reads a Terraform plan before it is applied and refuses what would lose money, orders or settings.

What stands here cannot be said in Terraform itself: a plan is an ordinary plan for it, whatever
the thing destroyed was worth.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

# Gone with all that is in them: tasks that are orders or callbacks, secrets' versions, payments.
IRREPLACEABLE = frozenset(
    {
        "google_cloud_tasks_queue",
        "google_pubsub_topic",
        "google_secret_manager_secret",
        "google_sql_database",
        "google_sql_database_instance",
    }
)
SEED = "google_secret_manager_secret_version.seed"
SECRET = "google_secret_manager_secret.main"  # noqa: S105  (an address, not a secret)


def objections(plan: Mapping[str, Any], allowed: Collection[str] = ()) -> list[str]:
    """What must not be applied unseen, one sentence each; *allowed* addresses are left out.

    *plan* is the document of ``terraform show -json``.
    """
    changes = {change["address"]: change for change in plan.get("resource_changes", [])}
    return [
        f"{address}: {problem}"
        for address, change in changes.items()
        if address not in allowed
        for problem in _problems(change, changes)
    ]


def _problems(change: Mapping[str, Any], changes: Mapping[str, Any]) -> Iterator[str]:
    actions = change["change"]["actions"]
    if change["type"] in IRREPLACEABLE and "delete" in actions:
        yield "would be destroyed with what is in it"
    if change["type"] == "google_sql_database_instance" and actions == ["update"]:
        before, after = change["change"]["before"], change["change"]["after"]
        if before.get("database_version") != after.get("database_version"):
            yield f"would be upgraded from {before['database_version']}, with a downtime"
    if change["address"].startswith(SEED) and "create" in actions:
        secret = changes.get(change["address"].replace(SEED, SECRET), {})
        if secret.get("change", {}).get("actions") != ["create"]:
            yield (
                "would write the initial value as the newest version of a secret that exists, over "
                "the operators' (set seed_secrets = false; or allow it, if the secret is empty)"
            )
