"""What docs/runbook.md and docs/deploy.md tell people to type fits the command line and the configuration."""

import re
from typing import Any

from tests.terraform.tool import ROOT, declarations, of_type

DOCUMENTS = {name: (ROOT / "docs" / name).read_text() for name in ("deploy.md", "runbook.md")}
# A payment that somebody joined to a batch by hand leaves it by hand: the database refuses any other.
LEAVES_ITS_BATCH = "UPDATE payout_accumulation SET conversion_status = 'pending', batch_conversion_id = NULL\n"
ENDS_AN_OLD_BATCH = "UPDATE batch_conversions SET conversion_status = 'failed', reconcile_after = NULL\n"


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language in both documents."""
    found = (re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S) for text in DOCUMENTS.values())
    return [block for one in found for block in one]


def test_the_runbook_speaks_in_verbs() -> None:
    """SQL is typed only where no verb stands for it; every section has a verb to type (each is tried by tests/ops)."""
    runbook = DOCUMENTS["runbook.md"].replace(LEAVES_ITS_BATCH, "").replace(ENDS_AN_OLD_BATCH, "")
    assert len(blocks("sql")) <= 2
    assert not re.search(r"\b(SELECT|UPDATE|DELETE|INSERT|BEGIN;)\b", runbook)
    for section in re.split(r"^## ", DOCUMENTS["runbook.md"], flags=re.M)[1:]:
        assert "./microbatch " in section, section.partition("\n")[0]


def test_commands_name_what_the_configuration_makes(plan: dict[str, Any]) -> None:
    """Queues, topic, job, functions and secrets are called as Terraform calls them."""
    shell = "\n".join(blocks("sh"))
    queues = {values["name"] for values in of_type(plan, "google_cloud_tasks_queue").values()}
    topics = {values["name"] for values in of_type(plan, "google_pubsub_topic").values()}
    services = {values["name"] for values in of_type(plan, "google_cloudfunctions2_function").values()}
    secrets = {address.split('"')[1] for address in of_type(plan, "google_secret_manager_secret")}
    secrets |= set(plan["variables"]["existing_secrets"]["value"])
    assert set(re.findall(r"--queue=([\w-]+)|queues describe ([\w-]+)", shell)) <= {
        pair for name in queues for pair in ((name, ""), ("", name))
    }
    assert set(re.findall(r"scheduler jobs \w+ ([\w-]+)", shell)) == {"micro-batch-conversion-job"}
    assert set(re.findall(r"pubsub topics publish ([\w-]+)", shell)) <= topics
    assert set(re.findall(r"(?:run services [\w-]+|functions describe) ([\w-]+)", shell)) <= services | {
        "gcaccumulator-10-26"
    }
    assert set(re.findall(r"(?:versions (?:add|list)|--secret=)\s*([A-Z][A-Z0-9_]+)", shell)) <= secrets


def test_make_targets_and_variables_in_the_text_exist() -> None:
    """`make x` is a target; a setting in an hcl block is a variable."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    targets |= set(re.findall(r"^([a-z-]+):", (ROOT / "ops/deployment/terraform.mk").read_text(), flags=re.M))
    asked = set(re.findall(r"(?:`|^)make ([a-z-]+)", "\n".join(DOCUMENTS.values()), flags=re.M))
    assert asked
    assert asked <= targets
    settings = set(re.findall(r"^(\w+)\s*=", "\n".join(blocks("hcl")), flags=re.M))
    assert settings
    assert settings <= set(declarations("variable"))


def test_outputs_in_the_text_exist() -> None:
    """`terraform output NAME` names an output."""
    asked = set(re.findall(r"terraform(?: -chdir=terraform)? output (?:-raw )?(\w+)", "\n".join(DOCUMENTS.values())))
    assert asked
    assert asked <= set(declarations("output"))


def test_the_example_workflow_types_what_exists() -> None:
    """Its make targets are ours, its accounts are those that `ci` makes, and applying waits for the environment."""
    workflow = (ROOT / "terraform" / "examples" / "continuous-deployment.yml").read_text()
    recipes = (ROOT / "ops/deployment/terraform.mk").read_text()
    targets = set(re.findall(r"^([a-z-]+):", recipes, flags=re.M)) | {"package"}
    asked = set(re.findall(r"run: make ([a-z-]+)", workflow))
    assert {"plan", "deploy"} <= asked <= targets
    deployer = (ROOT / "terraform" / "modules" / "deployer" / "main.tf").read_text()
    for account in re.findall(r"service_account: micro-batch-(\w+)@", workflow):
        assert re.search(rf"^    {account} = {{", deployer, flags=re.M)
    (apply,) = re.findall(r"^  apply:\n(.*?)^  drift:", workflow, flags=re.M | re.S)
    assert "environment: production" in apply
    assert "PLAN_SHA256=" in apply
