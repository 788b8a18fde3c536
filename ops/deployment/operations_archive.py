"""The archive that the operations job unpacks: the command line, what it imports, and the wheels that both need.

The packages are check_threshold's, by the hashes of its lock file; the wheels lie in the archive, so that the job
starts without a way to a package index, and with what was reviewed.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from ops.command_line.failures import NotDone
from ops.deployment.bill_of_materials import bill_of_materials
from ops.deployment.package import ROOT, SHARED_SUFFIXES, Package, write_archive
from ops.deployment.sources import tracked

NAME: Final = "operations"
LOCK: Final = "functions/check_threshold/requirements.lock"
PLATFORMS: Final = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "any")
DOWNLOAD_MAX_S: Final = 600


def build_operations(out: Path, wheels: Path | None, root: Path = ROOT) -> Package:
    """Write *out*/operations.zip whole or not at all, with the files in *wheels* (without any, where that is None)."""
    lock = (root / LOCK).read_bytes()
    contents = {"requirements.txt": lock, "bom.json": bill_of_materials(NAME, lock)}
    for folder in ("ops", "shared"):
        for file in tracked(root, folder):
            if file.suffix in SHARED_SUFFIXES:
                contents[file.relative_to(root).as_posix()] = file.read_bytes()
    for wheel in sorted(wheels.glob("*.whl")) if wheels else []:
        contents[f"wheels/{wheel.name}"] = wheel.read_bytes()
    return write_archive(NAME, contents, out)


def download_wheels(folder: Path, python: str, root: Path = ROOT) -> None:
    """Fetch the wheels of the lock file for Cloud Run's machines and *python* (such as 3.11); raises NotDone."""
    given = ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    given += [f"--abi={abi}" for abi in (f"cp{python.replace('.', '')}", "abi3", "none")]
    given += [f"--platform={platform}" for platform in PLATFORMS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += [*given, f"--dest={folder}", f"--requirement={root / LOCK}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_MAX_S, check=False)
    if done.returncode != 0:
        raise NotDone(f"the wheels of {LOCK} could not be fetched: {done.stderr.strip()[-300:]}")


def fetch_and_build(out: Path, python: str) -> Package:
    """Build the archive with its wheels, fetched anew: pip knows them by their hashes, and keeps what it had."""
    if not re.fullmatch(r"3\.\d+", python):
        raise NotDone(f"{python!r} is no version of Python, such as 3.11")
    with tempfile.TemporaryDirectory() as folder:
        download_wheels(Path(folder), python)
        return build_operations(out, Path(folder))
