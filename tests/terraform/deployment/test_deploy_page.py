"""docs/deploy.md, typed from the first command to the last, on an empty project and where the old service is."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.world.addresses import PROJECT
from sandbox.world.world import Wishes, World
from tests.terraform.deployment.project import Services
from tests.terraform.deployment.shell import Shell
from tests.terraform.tool import ROOT, Terraform

PAGE = (ROOT / "docs" / "deploy.md").read_text()
PAGE_PROJECT = "telepay-459221"
COMPLETED = "SELECT 1 FROM batch_conversions WHERE conversion_status = 'completed'"


def sections() -> dict[str, str]:
    """The page's commands under each heading, in order."""
    parts = re.split(r"^## (.+)\n", PAGE, flags=re.M)[1:]
    commands = {
        title: "".join(re.findall(r"^```sh\n(.*?)^```", text, flags=re.M | re.S))
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }
    return {title: text for title, text in commands.items() if text}


@pytest.fixture
def world() -> Iterator[World]:
    """The peers and both functions, paused as Terraform's first policy says."""
    with World(Wishes(policy='{"paused": true}')) as running:
        yield running


@pytest.fixture
def shell(world: World, offline: Terraform, tmp_path: Path) -> Iterator[Shell]:
    """A fresh checkout, whose cloud is the world's."""
    if not shutil.which("psql") or not shutil.which("openssl"):
        pytest.skip("the page needs psql and openssl")
    with Services() as cloud:
        yield Shell(
            tmp_path,
            {
                "CLOUD_RUN_URL": cloud.url,
                "CLOUD_SCHEDULER_URL": cloud.url,
                "CLOUD_TASKS_EMULATOR_HOST": world.cloud_tasks.address,
                "DATABASE_URL": world.database_url,
                "PAGE_PROJECT": PAGE_PROJECT,
                "PUBSUB_EMULATOR_HOST": world.pubsub.address,
                "SECRET_MANAGER_EMULATOR_HOST": world.secret_manager.address,
                "STORAGE_EMULATOR_HOST": cloud.address,
                "SWAP_EXECUTED_URL": world.function("swap_executed").url,
                "WORLD_PROJECT": PROJECT,
            },
        )


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "example", ["empty-project", pytest.param("adopting-the-old-installation", marks=pytest.mark.long)]
)
def test_the_page_leads_to_the_first_batch_and_back(world: World, shell: Shell, example: str) -> None:
    """Paused and healthy though dollars wait; a batch completed once switched on; destroyed at last."""
    for amount_usd in ("12.00", "15.00"):
        world.pay(amount_usd)
    for title, commands in sections().items():
        typed = commands.replace("EXAMPLE=empty-project", f"EXAMPLE={example}")
        said = shell.type(typed.replace(f"GOOGLE_CLOUD_PROJECT={PAGE_PROJECT}", f"GOOGLE_CLOUD_PROJECT={PROJECT}"))
        if title.startswith("4."):
            assert "HOST_WALLET_ETH_ADDRESS" in said  # empty_secrets is known after prepare
        if title.startswith("5."):
            assert "the check opened nothing, as a first installation is" in said
            assert world.query("SELECT COUNT(*) AS batches FROM batch_conversions")[0]["batches"] == 0
        if title.startswith("9."):
            world.wait_for(lambda: world.query(COMPLETED), "the first batch")
    assert not (shell.checkout / "terraform" / "terraform.tfstate").read_text().count('"mode": "managed"')


def test_a_rollback_before_there_is_anything_says_what_to_type(offline: Terraform, tmp_path: Path) -> None:
    """In a fresh clone Terraform knows of nothing: what it says is not all that is said."""
    shell = Shell(tmp_path, {"PAGE_PROJECT": PAGE_PROJECT, "WORLD_PROJECT": PROJECT, "SWAP_EXECUTED_URL": ""})
    for target in ("rollback", "rollback-revision", "smoke"):
        said = shell.type(f'make {target} ENV=staging || echo "ended with $?"')
        assert "ended with 2" in said
        assert (
            f"make {target}: of staging Terraform tells nothing here: after a fresh clone type make plan first" in said
        )
        assert "gcloud scheduler jobs pause micro-batch-conversion-job" in said


def test_every_command_of_the_page_is_typed() -> None:
    """No block of commands stands outside a section, or in a language that the test does not type."""
    assert len(sections()) >= 10
    assert PAGE.count("```sh\n") == sum(
        len(re.findall(r"^```sh\n", part, flags=re.M)) for part in re.split(r"^## ", PAGE, flags=re.M)[1:]
    )
