"""checkov's rules for Google Cloud: none fails, and what is skipped says why, beside the resource."""

import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.terraform.tool import CONFIGURATION, ROOT

REASON_CHARACTERS_MIN = 40


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """checkov's findings on the configuration, made without a network; skips where checkov is not installed."""
    own = str(ROOT / ".venv-checkov" / "bin" / "checkov")
    program = shutil.which(os.environ.get("CHECKOV", own)) or shutil.which("checkov")
    if program is None:
        pytest.skip("no checkov: `make terraform-test` installs it into .venv-checkov")
    command = [program, "--directory", str(CONFIGURATION), "--framework", "terraform", "--skip-download", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_no_check_fails(report: dict[str, Any]) -> None:
    """Every file was read, many checks ran, none failed."""
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 40
    failed = [f"{one['check_id']} {one['resource']}" for one in report["results"]["failed_checks"]]
    assert failed == []


def test_every_skip_carries_its_reason(report: dict[str, Any]) -> None:
    """A sentence, not a word; and nothing is skipped from outside the configuration."""
    skipped = {one["check_id"]: one["check_result"]["suppress_comment"] for one in report["results"]["skipped_checks"]}
    assert skipped
    assert all(len(reason) >= REASON_CHARACTERS_MIN and reason.endswith(".") for reason in skipped.values())
    written = re.findall(r"checkov:skip=(\w+):", "".join(file.read_text() for file in CONFIGURATION.rglob("*.tf")))
    assert set(skipped) <= set(written)
    assert not list(ROOT.glob(".checkov.y*ml"))
