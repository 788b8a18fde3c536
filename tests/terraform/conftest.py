"""One copy of the configuration for each worker, initialised, and the plan of an example."""

from typing import Any

import pytest

from tests.terraform.tool import Terraform, copied, find_terraform


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform on an initialised copy; skips where there is no program or no way to its provider."""
    program = find_terraform()
    if program is None:
        pytest.skip("no terraform program (set TERRAFORM to one, or put it on PATH)")
    found = Terraform(program, copied(tmp_path_factory.mktemp("terraform")))
    begun = found.run("init", "-no-color", accepted=(0, 1, 3, 4))
    if begun.returncode != 0:
        pytest.skip(f"terraform init finds no provider here: {begun.stderr.strip()[-300:]}")
    return found


@pytest.fixture(scope="session")
def offline(terraform: Terraform) -> Terraform:
    """The same with stand-in providers; skips where plans would be made against Google's own APIs."""
    if not terraform.is_offline:
        pytest.skip("planning needs Google's APIs; TERRAFORM=.../terraform-offline plans without them")
    return terraform


@pytest.fixture(scope="session")
def plan(offline: Terraform) -> dict[str, Any]:
    """The plan, where nothing of this service exists, with an example's values."""
    return offline.plan("example.tfplan", "-var-file=examples/two-environments/production.tfvars")
