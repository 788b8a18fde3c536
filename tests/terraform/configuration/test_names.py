"""What things are called: two environments in one project share no name, and a name of another generation is kept."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.terraform.configuration.planned_environment import service
from tests.terraform.tool import Terraform, of_type, resources

PRODUCTION = (
    "-var-file=examples/empty-project.tfvars",
    '-var=ci={environment="production",repository="telepay/micro-batch"}',
    '-var=monthly_budget={amount=100,billing_account="000000-000000-000000",currency="USD"}',
    "-var=operations_job={}",
    "-var=reconciliation={}",
)
STAGING = (
    *PRODUCTION,
    "-var=suffix=-staging",
    "-var=gchostpay1_service_account=gchostpay1-staging@telepay-459221.iam.gserviceaccount.com",
    '-var=operators=["group:staging@example.com"]',
)
CALLED = (
    "account_id",
    "dashboard_json",
    "repository_id",
    "role_id",
    "secret_id",
    "service",
    "workload_identity_pool_id",
    "display_name",
    "name",
)
"""The first of these that a resource has is what the project knows it by."""
OF_ANOTHER = (
    "google_secret_manager_secret_version",
    "google_storage_bucket_object",
    "google_sql_database",
    "time_sleep",
)
"""Named within a thing that has a name of its own."""
SHARED = {"google_project_service"}
"""The same in both: switched on twice, and off by neither."""
ACCOUNT_CHARACTERS_MAX = 30
SUFFIX_CHARACTERS_MAX = 10
GENERATION = {
    "queue_names": {"microbatch-response-queue": "pgp-microbatch-response-queue-v1"},
    "secret_names": {
        "MICROBATCH_RESPONSE_QUEUE": "PGP_MICROBATCH_RESPONSE_QUEUE",
        "MICROBATCH_URL": "PGP_MICROBATCH_URL",
    },
}


def names(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Type and name of everything that the plan makes, grants apart."""
    for address, values in resources(plan).items():
        kind = re.findall(r"\b((?:google|time)_\w+)\.", address)[0]
        if kind.endswith("_iam_member") or kind in OF_ANOTHER:
            continue
        found = next(values[attribute] for attribute in CALLED if values.get(attribute))
        yield kind, json.loads(found)["displayName"] if kind.endswith("_dashboard") else found


@pytest.fixture(scope="module")
def staging(offline: Terraform) -> dict[str, Any]:
    """The plan of a second environment in the project of the first."""
    return offline.plan("suffix.tfplan", *STAGING)


def test_two_environments_fit_one_project(offline: Terraform, staging: dict[str, Any]) -> None:
    """Not one name twice, in either or in both; only the APIs are switched on by both."""
    first = offline.plan("first.tfplan", *PRODUCTION)
    both = Counter([*names(first), *names(staging)])
    assert len(both) > 100
    assert {kind for (kind, _), count in both.items() if count > 1} == SHARED
    assert all("staging" in name.lower() for kind, name in names(staging) if kind not in SHARED)


def test_every_account_has_room_for_the_longest_suffix(staging: dict[str, Any]) -> None:
    """Google refuses a longer name only once it is applied."""
    accounts = [values["account_id"] for values in resources(staging).values() if values.get("account_id")]
    assert len(accounts) == 8
    own = [account.removesuffix("-staging") for account in accounts]
    assert [one for one in own if len(one) + SUFFIX_CHARACTERS_MAX > ACCOUNT_CHARACTERS_MAX] == []


def test_a_second_environment_reads_its_own_levers(staging: dict[str, Any]) -> None:
    """The threshold of production moves nothing in staging; queues and topics are its own too."""
    planned = service(staging, "check_threshold")
    environment = planned["environment_variables"]
    assert environment["THRESHOLD_SECRET_ID"] == "MICRO_BATCH_THRESHOLD_USD_STAGING"
    assert environment["POLICY_SECRET_ID"] == "MICRO_BATCH_POLICY_STAGING"
    assert environment["BATCH_EVENTS_TOPIC"] == "micro-batch-events-staging"
    secrets = {one["key"]: one["secret"] for one in planned["secret_environment_variables"]}
    assert secrets["CHANGENOW_API_KEY"] == "CHANGENOW_API_KEY_STAGING"
    queues = of_type(staging, "google_secret_manager_secret_version.queue").values()
    assert {values["secret_data"] for values in queues} == {
        "gchostpay1-batch-queue-staging",
        "microbatch-response-queue-staging",
    }


def test_novembers_names_are_kept(offline: Terraform) -> None:
    """The successor's GCHostPay1 reads other secrets; what was adopted under its names is imported under them."""
    adopt = {"queues": ["microbatch-response-queue"], "secrets": ["MICROBATCH_RESPONSE_QUEUE", "MICROBATCH_URL"]}
    given = GENERATION | {"adopt": adopt}
    plan = offline.plan(
        "november.tfplan", PRODUCTION[0], *(f"-var={name}={json.dumps(value)}" for name, value in given.items())
    )
    imported = {
        change["change"]["importing"]["id"] for change in plan["resource_changes"] if "importing" in change["change"]
    }
    assert imported == {
        "projects/telepay-459221/locations/us-central1/queues/pgp-microbatch-response-queue-v1",
        "projects/telepay-459221/secrets/PGP_MICROBATCH_RESPONSE_QUEUE",
        "projects/telepay-459221/secrets/PGP_MICROBATCH_URL",
    }
    told = resources(plan)['google_secret_manager_secret_version.queue["MICROBATCH_RESPONSE_QUEUE"]']
    assert told["secret_data"] == "pgp-microbatch-response-queue-v1"


def test_the_fence_is_kept_apart_from_the_database(plan: dict[str, Any]) -> None:
    """In a bucket of its own whose numbers outlive a restore: versions, no public access, no role that can do more."""
    (bucket,) = of_type(plan, "module.fence.google_storage_bucket").values()
    assert bucket["versioning"][0]["enabled"]
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["uniform_bucket_level_access"]
    assert not bucket["force_destroy"]
    assert not bucket["retention_policy"], "it would forbid the next number"
    assert bucket["soft_delete_policy"][0]["retention_duration_seconds"] >= 30 * 86400
    (role,) = of_type(plan, "module.fence.google_project_iam_custom_role").values()
    assert set(role["permissions"]) == {f"storage.objects.{one}" for one in ("create", "delete", "get", "list")}
    grants = of_type(plan, "module.fence.google_storage_bucket_iam_member")
    assert {address.split('"')[1] for address in grants} == {
        "check_threshold",
        *plan["variables"]["operators"]["value"],
    }
