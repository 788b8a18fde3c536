"""Every example in terraform/examples: planned, reviewed, applied, planned again without change, destroyed."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ops.deployment.plan.review import EXPENDABLE, GRANT_SUFFIXES, LOSSES, objections
from tests.terraform.tool import CONFIGURATION, Terraform, declarations, resources

EXAMPLES = sorted(file.relative_to(CONFIGURATION).as_posix() for file in CONFIGURATION.glob("examples/**/*.tfvars"))
PRODUCTION = "examples/two-environments/production.tfvars"
UNPROTECTED = "-var=deletion_protection=false"
SWAP_EXECUTED = 'google_cloudfunctions2_function.main["swap_executed"]'
CHECK_THRESHOLD = 'google_cloudfunctions2_function.main["check_threshold"]'
BEFORE_FUNCTIONS = (
    r"google_project_service\.main",
    r"google_project_iam_member\.(build_logs|build_source|cloud_sql)",
    r"google_secret_manager_secret_iam_member\.accessor",
    r"google_(artifact_registry_repository|storage_bucket)_iam_member\.build",
    r"google_service_account_iam_member\.deployer",
)
"""Services switched on, whose agents appear minutes later, and grants, which act minutes later."""


@contextmanager
def applied(offline: Terraform, example: str, *arguments: str) -> Iterator[list[str]]:
    """Apply an example, and tell in which order; afterwards allow its destruction, and destroy it."""
    file = f"-var-file={example}"
    done = offline.run("apply", "-auto-approve", "-json", file, *arguments)
    try:
        yield [f"{one['type']} {one['hook']['resource']['addr']}" for one in told(done.stdout) if "hook" in one]
    finally:
        offline.run("apply", "-auto-approve", "-no-color", file, UNPROTECTED)
        offline.run("destroy", "-auto-approve", "-no-color", file, UNPROTECTED)
    assert not json.loads(offline.run("show", "-json").stdout).get("values")


def told(output: str) -> Iterator[dict[str, Any]]:
    """What `terraform apply -json` writes, line by line."""
    for line in output.splitlines():
        document: dict[str, Any] = json.loads(line)
        yield document


def assert_waits_for_its_grants(steps: list[str]) -> None:
    """Before a function or its trigger is made, all that they take is made, and minutes have passed since."""
    pause = steps.index("apply_start time_sleep.grants")
    resumed = steps.index("apply_complete time_sleep.grants")
    made = [steps.index(f"apply_start {address}") for address in (CHECK_THRESHOLD, SWAP_EXECUTED)]
    assert min(made) > resumed
    needed = [
        place for place, step in enumerate(steps) if re.match(rf"apply_complete ({'|'.join(BEFORE_FUNCTIONS)})", step)
    ]
    assert len(needed) > 30
    assert max(needed) < pause
    called = [
        place for place, step in enumerate(steps) if re.match(r"apply_start google_cloud_run_\w+_iam_member", step)
    ]
    assert min(called) > min(made)  # who may call it is granted on the function itself


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "example", [pytest.param(one, marks=() if one == PRODUCTION else pytest.mark.long) for one in EXAMPLES]
)
def test_an_example_lives_and_dies(offline: Terraform, example: str) -> None:
    """Nothing is objected to, what takes minutes is waited for, a second plan changes nothing, nothing is left over."""
    plan = offline.plan("life.tfplan", f"-var-file={example}")
    assert objections(plan) == []
    with applied(offline, example) as steps:
        assert_waits_for_its_grants(steps)
        again = offline.run("plan", "-detailed-exitcode", "-no-color", f"-var-file={example}", accepted=(0, 2))
        assert again.returncode == 0, again.stdout
        state = offline.run("show", "-json").stdout
        assert "micro-batch-conversion-job" in state  # what follows would prove nothing on an empty state
        assert not re.search(r'"(root_)?password[a-z_]*":\s*"[^"]', state)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_new_package_changes_its_function_and_nothing_else(offline: Terraform) -> None:
    """And a plan that replaces a function makes its callers' grants again, and is refused by name until it is meant."""
    with applied(offline, PRODUCTION):
        assert changed_by_a_new_package(offline) == {
            'google_storage_bucket_object.package["swap_executed"]',
            SWAP_EXECUTED,
        }
        plan = offline.plan("replace.tfplan", f"-var-file={PRODUCTION}", f"-replace={SWAP_EXECUTED}")
        changes = {one["address"]: one["change"]["actions"] for one in plan["resource_changes"]}
        (grant,) = (address for address in changes if "iam_member.callback[" in address)
        assert set(changes[grant]) == {"create", "delete"}
        assert [one.partition(":")[0] for one in objections(plan)] == [SWAP_EXECUTED]
        assert objections(plan, [SWAP_EXECUTED]) == []


def changed_by_a_new_package(offline: Terraform) -> set[str]:
    """What a plan changes when one package has other contents; the package is put back."""
    package = offline.folder.parent / "build" / "swap_executed.zip"
    before = package.read_bytes()
    try:
        package.write_bytes(before + b"\0")
        plan = offline.plan("package.tfplan", f"-var-file={PRODUCTION}")
    finally:
        package.write_bytes(before)
    return {one["address"] for one in plan["resource_changes"] if one["change"]["actions"] != ["no-op"]}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_enough_and_not_more(example: str) -> None:
    """It names every variable without a default, and no variable that does not exist."""
    named = set(re.findall(r"^(\w+)\s*=", (CONFIGURATION / example).read_text(), flags=re.MULTILINE))
    variables = declarations("variable")
    required = {name for name, text in variables.items() if not re.search(r"^  default\s*=", text, flags=re.MULTILINE)}
    assert required <= named <= set(variables)


def test_every_example_is_in_the_readme() -> None:
    """A file that nobody is told of is not found."""
    readme = (CONFIGURATION / "README.md").read_text()
    linked = set(re.findall(r"\((examples/[^)]+)\)", readme))
    assert set(EXAMPLES) <= linked
    assert all((CONFIGURATION / path).exists() for path in linked)


def test_environments_share_neither_project_nor_state() -> None:
    """Staging's plan cannot meet production's state: every example environment names its own."""
    folder = CONFIGURATION / "examples" / "two-environments"
    states = {file: file.read_text() for file in folder.glob("*.tfbackend")}
    assert len(set(states.values())) == len(states) == 2
    for file in states:
        assert (folder / file.name.replace(".gcs.tfbackend", ".tfvars")).is_file()


def test_every_type_has_a_rule(plan: dict[str, Any], offline: Terraform) -> None:
    """What the configuration makes is expendable, a grant, or something of which the review says what is lost."""
    also = ("-var=operations_job={}", "-var=database_iam_login=true")
    everything = offline.plan("all.tfplan", "-var-file=examples/customer-managed-key.tfvars", *also)
    addresses = [address for one in (plan, everything) for address in resources(one)]
    kinds = {kind for address in addresses for kind in re.findall(r"\b((?:google|time)_\w+)\.", address)}
    assert len(kinds) > 15
    assert {kind for kind in kinds if not kind.endswith(GRANT_SUFFIXES)} <= set(LOSSES) | EXPENDABLE
    assert not set(LOSSES) & EXPENDABLE
