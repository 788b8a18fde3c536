"""The configuration itself: formatted, valid, tested, planned, applied, planned again, destroyed."""

import json
import re
from hashlib import sha256
from typing import Any

import pytest

from ops.deployment.package import function_names
from tests.terraform.tool import CONFIGURATION, ROOT, Terraform, of_type, resources

EXAMPLE = "-var-file=examples/two-environments/production.tfvars"


def test_is_formatted(terraform: Terraform) -> None:
    """`terraform fmt` has nothing to change, in the tests either."""
    assert not terraform.run("fmt", "-check", "-recursive", "-diff", accepted=(0, 3)).stdout


def test_is_valid(terraform: Terraform) -> None:
    """Every argument, block and reference exists and has the right type."""
    assert json.loads(terraform.run("validate", "-json").stdout)["valid"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_own_tests_pass(terraform: Terraform) -> None:
    """The files in terraform/tests, against a mocked provider."""
    done = terraform.run("test", "-no-color")
    passed = re.search(r"Success! (\d+) passed, 0 failed", done.stdout)
    assert passed is not None
    written = sum(file.read_text().count('\nrun "') for file in CONFIGURATION.glob("tests/*.tftest.hcl"))
    assert int(passed[1]) == written


@pytest.mark.timeout(300)
def test_what_exists_is_adopted(offline: Terraform) -> None:
    """Queues, topics and secrets are imported; none is replaced, and no adopted secret gets a seed."""
    adopt = {
        "queues": ["gchostpay1-batch-queue", "microbatch-response-queue"],
        "secrets": ["MICRO_BATCH_THRESHOLD_USD", "GCHOSTPAY1_BATCH_QUEUE", "HOST_WALLET_ETH_ADDRESS"],
        "topics": ["micro-batch-trigger"],
    }
    plan = offline.plan("adopt.tfplan", EXAMPLE, f"-var=adopt={json.dumps(adopt)}")
    changes = {one["address"]: one["change"] for one in plan["resource_changes"]}
    imported = {address: change for address, change in changes.items() if "importing" in change}
    assert set(imported) == {
        'google_cloud_tasks_queue.main["gchostpay1-batch-queue"]',
        'google_cloud_tasks_queue.main["microbatch-response-queue"]',
        'google_pubsub_topic.main["micro-batch-trigger"]',
        'google_secret_manager_secret.main["GCHOSTPAY1_BATCH_QUEUE"]',
        'google_secret_manager_secret.main["HOST_WALLET_ETH_ADDRESS"]',
        'google_secret_manager_secret.main["MICRO_BATCH_THRESHOLD_USD"]',
    }
    assert {tuple(change["actions"]) for change in imported.values()} <= {("no-op",), ("update",)}
    seeds = of_type(plan, "google_secret_manager_secret_version")
    assert 'google_secret_manager_secret_version.seed["MICRO_BATCH_THRESHOLD_USD"]' not in seeds
    assert 'google_secret_manager_secret_version.seed["MICRO_BATCH_POLICY"]' in seeds


def test_a_project_without_a_database_gets_one(offline: Terraform) -> None:
    """Without a connection name: a protected instance, backed up, that only connectors reach."""
    plan = offline.plan("own.tfplan", "-var-file=examples/empty-project.tfvars")
    (instance,) = of_type(plan, "google_sql_database_instance").values()
    settings = instance["settings"][0]
    assert instance["deletion_protection"]
    assert settings["deletion_protection_enabled"]
    assert settings["connector_enforcement"] == "REQUIRED"
    assert not settings["ip_configuration"][0]["authorized_networks"]
    assert settings["backup_configuration"][0]["point_in_time_recovery_enabled"]
    assert len(of_type(plan, "google_sql_database")) == 1


def test_every_variable_and_output_is_described_in_order() -> None:
    """Alphabetical in each file, each with a description; the modules' as well."""
    files = [*CONFIGURATION.rglob("variables*.tf"), *CONFIGURATION.rglob("outputs.tf")]
    assert len(files) > 6
    for file in files:
        blocks = re.split(r'^(?:variable|output) "', file.read_text(), flags=re.MULTILINE)[1:]
        names = [block.partition('"')[0] for block in blocks]
        assert names, file
        assert names == sorted(names), file
        assert all(re.search(r"^  description\s*=", text, flags=re.MULTILINE) for text in blocks), file


def test_packages_are_named_by_their_content(plan: dict[str, Any], offline: Terraform) -> None:
    """An unchanged package is the same object, a changed one another."""
    names = {values["name"] for values in of_type(plan, "google_storage_bucket_object").values()}
    built = offline.folder.parent / "build"
    zips = [built / f"{name}.zip" for name in function_names()]
    assert names == {f"{zip_.stem}-{sha256(zip_.read_bytes()).hexdigest()}.zip" for zip_ in zips}
    assert len(names) == 2


def test_every_resource_that_takes_labels_has_them(plan: dict[str, Any]) -> None:
    """What belongs to the service can be found, and billed, by its label."""
    labelled = {
        address: values.get("labels") if "labels" in values else values.get("user_labels")
        for address, values in resources(plan).items()
        if ("labels" in values or "user_labels" in values)
        and "google_monitoring_notification_channel" not in address  # its labels are an address
    }
    assert labelled
    assert {address for address, labels in labelled.items() if not labels or "application" not in labels} == set()


def test_a_state_on_somebodys_disk_is_none(terraform: Terraform) -> None:
    """Each environment names the bucket of its own state: without that file nothing is begun."""
    assert 'backend "gcs" {}' in (CONFIGURATION / "main.tf").read_text()
    begun = terraform.run("init", "-no-color", "-backend-config=environments/none.gcs.tfbackend", accepted=(1,))
    assert "environments/none.gcs.tfbackend" in begun.stderr
    recipes = (ROOT / "ops/deployment/terraform.mk").read_text()
    assert "init -input=false -backend-config='environments/$(ENV).gcs.tfbackend'" in recipes


def test_images_do_not_pile_up(plan: dict[str, Any]) -> None:
    """Ten of each function are kept to go back to, others for ninety days."""
    (registry,) = of_type(plan, "google_artifact_registry_repository").values()
    policies = {one["action"]: one for one in registry["cleanup_policies"]}
    assert policies["KEEP"]["most_recent_versions"][0]["keep_count"] == 10
    assert policies["DELETE"]["condition"][0]["older_than"] == "7776000s"
