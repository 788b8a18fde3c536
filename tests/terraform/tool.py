"""Finds a terraform program and runs it on a copy of the configuration, which it leaves clean."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.deployment.operations_archive import build_operations
from ops.deployment.package import build, function_names

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "terraform"
OFFLINE = ROOT / ".." / "shared" / "tools" / "terraform-offline" / "terraform-offline"
COMMAND_MAX_S = 300


def find_terraform() -> str | None:
    """The program named by TERRAFORM, else the offline wrapper beside the repository, else the one on PATH."""
    named = os.environ.get("TERRAFORM")
    if named:
        return shutil.which(named)
    # The wrapper runs the real program and has none of its own.
    return str(OFFLINE.resolve()) if OFFLINE.is_file() and shutil.which("terraform") else shutil.which("terraform")


@dataclass(frozen=True)
class Terraform:
    """A terraform program and a folder of its own with the configuration and the packages beside it."""

    program: str
    folder: Path

    @property
    def is_offline(self) -> bool:
        """Whether stand-in providers are served: only then may anything be planned or applied."""
        return Path(self.program).name == "terraform-offline"

    def run(self, *arguments: str, accepted: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """Run one command on the copy; fails with what it wrote unless it ends with an accepted code."""
        done = subprocess.run(
            [self.program, f"-chdir={self.folder}", *arguments],
            capture_output=True,
            text=True,
            timeout=COMMAND_MAX_S,
            check=False,
            env={**os.environ, "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"},
        )
        assert done.returncode in accepted, f"terraform {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done

    def plan(self, name: str, *arguments: str) -> dict[str, Any]:
        """Plan with these arguments and return the plan's document."""
        self.run("plan", f"-out={name}", "-no-color", *arguments)
        document: dict[str, Any] = json.loads(self.run("show", "-json", name).stdout)
        return document


def copied(folder: Path) -> Path:
    """Copy the configuration, but nothing of an installation, and build the packages where it looks for them."""
    kept_out = shutil.ignore_patterns(
        ".terraform*", "*.tfstate*", "*.tfplan", "environments", "*.auto.tfvars", "*_override.tf"
    )
    configuration = shutil.copytree(CONFIGURATION, folder / "terraform", ignore=kept_out)
    (configuration / "local_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    for name in function_names():
        build(name, folder / "build")
    build_operations(folder / "build", wheels=None)
    return configuration


def declarations(kind: str) -> dict[str, str]:
    """The root's blocks of one kind (variable, output), by name: their texts."""
    text = "\n".join(file.read_text() for file in sorted(CONFIGURATION.glob(f"{kind}s*.tf")))
    blocks = re.split(rf'^{kind} "', text, flags=re.MULTILINE)[1:]
    return {block.partition('"')[0]: block for block in blocks}


def resources(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The planned values of every managed resource, modules' included, by address."""
    return {
        one["address"]: one["values"]
        for module in _modules(plan["planned_values"]["root_module"])
        for one in module.get("resources", [])
        if one["mode"] == "managed"
    }


def _modules(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A module and all that it calls."""
    yield module
    for child in module.get("child_modules", []):
        yield from _modules(child)


def of_type(plan: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The planned values of the resources of one type, or of one name of it, by address, in any module."""
    wanted = re.compile(rf"(module\.\w+\.)*{re.escape(kind)}([.\[]|$)")
    return {address: values for address, values in resources(plan).items() if wanted.match(address)}
