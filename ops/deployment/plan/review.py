"""Reads a Terraform plan before it is applied and refuses what would lose money, data, callers or the watch on them.

What stands here cannot be said in Terraform itself: a plan is an ordinary plan for it, whatever
the thing destroyed was worth. Destroying is refused for every type but the few in EXPENDABLE.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from ops.deployment.plan.changes import update_problems

LOSSES: Final = {
    "google_artifact_registry_repository": "with the images that the running revisions are started from",
    "google_billing_budget": "and nobody would be told of the costs",
    "google_cloud_scheduler_job": "and no check would come",
    "google_cloud_tasks_queue": "with its tasks, which are orders and callbacks, and its name is blocked for a week",
    "google_cloudfunctions2_function": "and its callers would be refused until their grants are made again",
    "google_iam_workload_identity_pool": "and no job of the CI could deploy; its name is blocked for a month",
    "google_iam_workload_identity_pool_provider": "and no job of the CI could deploy; its name is blocked for a month",
    "google_logging_metric": "with what it counted; alerts and charts on it would be blind",
    "google_monitoring_alert_policy": "and nobody would be told",
    "google_monitoring_notification_channel": "and nobody behind it would be told",
    "google_pubsub_topic": "with its subscriptions, the functions' trigger among them",
    "google_secret_manager_secret": "with all its versions",
    "google_service_account": "and what runs or calls as it would be refused; one of the same name is another account",
    "google_sql_database": "with the payments in it",
    "google_sql_database_instance": "with the payments in it and its backups",
    "google_sql_user": "and the function that logs in as it would be refused",
    "google_storage_bucket": "with what is in it",
}
"""What is lost with a thing of each type."""

GRANT_SUFFIXES: Final = ("_iam_member", "_iam_binding", "_iam_policy", "_iam_custom_role")

EXPENDABLE: Final = frozenset(
    {
        "google_cloud_run_v2_job",  # holds nothing; what it runs is an archive
        "google_monitoring_dashboard",  # drawn again from the same metrics
        "google_project_service",  # stays switched on
        "google_secret_manager_secret_version",  # the queues' names and an address; a new version comes first
        "google_storage_bucket_object",  # a package that another one follows; the bucket keeps versions
        "time_sleep",
    }
)

SEED: Final = "google_secret_manager_secret_version.seed"
SECRET: Final = "google_secret_manager_secret.main"  # noqa: S105  (an address, not a secret)


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
    if "forget" in actions:
        yield "would be left to itself: no longer looked after here"
    if "delete" in actions:
        yield from _destruction(change["type"], actions)
    if actions == ["update"]:
        yield from update_problems(change["type"], change["change"])
    if change["address"].startswith(SEED) and "create" in actions:
        yield from _seed_over_versions(change["address"], changes)


def _destruction(kind: str, actions: Collection[str]) -> Iterator[str]:
    if kind in EXPENDABLE:
        return
    if kind.endswith(GRANT_SUFFIXES):
        if "create" not in actions:  # one made again beside a replaced thing is not taken from anybody
            yield "this grant would be taken away, and what relies on it refused"
        return
    how = "replaced" if "create" in actions else "destroyed"
    yield f"would be {how} {LOSSES.get(kind, 'with what is in it')}"


def _seed_over_versions(address: str, changes: Mapping[str, Any]) -> Iterator[str]:
    secret = changes.get(address.replace(SEED, SECRET), {})
    if secret.get("change", {}).get("actions") != ["create"]:
        yield (
            "would write the initial value as the newest version of a secret that exists, over "
            "the operators' (set seed_secrets = false; or allow it, if the secret is empty)"
        )
