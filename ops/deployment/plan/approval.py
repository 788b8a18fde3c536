"""Ties what is applied to what was reviewed: the plan file's SHA-256, kept beside it once nothing was objected to."""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Final

from ops.command_line.failures import NotDone

SUFFIX: Final = ".reviewed.json"


def approve(plan: Path, allowed: Collection[str]) -> str:
    """Keep that *plan* was reviewed, with what was allowed in it; returns its SHA-256."""
    digest = sha256(plan)
    _record(plan).write_text(json.dumps({"sha256": digest, "allowed": sorted(allowed)}, indent=2) + "\n")
    return digest


def withdraw(plan: Path) -> None:
    """Forget any approval of a plan of this name; a refused plan must not lean on an earlier one."""
    _record(plan).unlink(missing_ok=True)


def require_approval(plan: Path, expected: str | None = None) -> str:
    """Return the SHA-256 of a plan that was reviewed as it is now; raises NotDone for any other.

    *expected* is what a person or an earlier job noted of the review.
    """
    record = _record(plan)
    if not plan.is_file() or not record.is_file():
        raise NotDone(f"{plan} was not reviewed: type make plan, and read it, first")
    digest = sha256(plan)
    if digest != json.loads(record.read_text())["sha256"]:
        raise NotDone(f"{plan} is not the file that was reviewed: type make plan again")
    if expected and expected.lower() != digest:
        raise NotDone(f"{plan} has SHA-256 {digest}, not {expected}")
    return digest


def sha256(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _record(plan: Path) -> Path:
    return plan.with_name(plan.name + SUFFIX)
