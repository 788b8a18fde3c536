"""A shell in a fresh checkout in which a page is typed: real make, terraform and verbs, stand-ins behind them.

`terraform` is the real one with the stand-in provider and its state on disk. `gcloud` keeps secrets' versions in a
folder and, where the real one is installed, lets it read every command line (which it does before it asks for
credentials); nothing leaves the machine.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.terraform.tool import OFFLINE, ROOT

SECTION_MAX_S = 200
USAGE = 2  # what gcloud ends with when it cannot read its arguments

TERRAFORM = """#!/usr/bin/env python3
import os, re, subprocess, sys
arguments = [one for one in sys.argv[1:] if not one.startswith("-backend-config")]
is_document = "output" in arguments
done = subprocess.run([os.environ["OFFLINE"], *arguments], stdout=subprocess.PIPE if is_document else None, text=True)
if is_document:
    told = done.stdout.replace(os.environ["PAGE_PROJECT"], os.environ["WORLD_PROJECT"])
    told = re.sub(r'https://[^"/]*swap-executed[^"/]*', os.environ["SWAP_EXECUTED_URL"], told)
    sys.stdout.write(told)
sys.exit(done.returncode)
"""

GCLOUD = """#!/usr/bin/env python3
import os, pathlib, re, subprocess, sys
arguments, secrets = sys.argv[1:], pathlib.Path(os.environ["SECRETS_FOLDER"])
with open(os.environ["GCLOUD_LOG"], "a") as log:
    print(" ".join(arguments), file=log)
real = os.environ.get("REAL_GCLOUD")
if real and arguments[0] not in ("auth", "config"):
    done = subprocess.run([real, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode == 2:
        sys.exit(f"gcloud cannot read {arguments}: {done.stderr}")
if arguments[:3] == ["secrets", "versions", "add"]:
    (secrets / arguments[3]).write_text(sys.stdin.read())
elif arguments[:3] == ["secrets", "versions", "access"]:
    name = next(one.partition("=")[2] for one in arguments if one.startswith("--secret="))
    kept = secrets / name
    print(kept.read_text() if kept.exists() else "made-by-terraform")
"""


class Shell:
    """One bash after the other, each going on in the environment that the one before left."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.checkout = _checked_out(folder / "checkout")
        self.log = folder / "gcloud.log"
        self._kept = folder / "environment"
        programs = folder / "bin"
        programs.mkdir()
        (folder / "secrets").mkdir()
        for name, text in (("terraform", TERRAFORM), ("gcloud", GCLOUD)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self._environ = {
            "HOME": str(folder),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "CLOUDSDK_CONFIG": str(folder / "gcloud"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "GCLOUD_LOG": str(self.log),
            "OFFLINE": str(OFFLINE.resolve()),
            # By its path: the wrapper would find the program above it on PATH, and that one the wrapper, without end.
            "TERRAFORM_OFFLINE_TERRAFORM": shutil.which("terraform") or "",
            "REAL_GCLOUD": shutil.which("gcloud") or "",
            "SECRETS_FOLDER": str(folder / "secrets"),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
            **environ,
        }

    def type(self, commands: str) -> str:
        """Type a section's commands; stops at the first that fails. Whatever is asked is answered yes."""
        begun = f"test ! -f '{self._kept}' || . '{self._kept}'\n"
        ended = f"\nexport -p > '{self._kept}'\n"
        script = f"set -euo pipefail\ncd '{self.checkout}'\n{begun}set -x\n{commands}\nset +x{ended}"
        with subprocess.Popen(["yes", "yes"], stdout=subprocess.PIPE) as answers:
            done = subprocess.run(
                ["timeout", "--kill-after=5", str(SECTION_MAX_S), "bash", "-c", script],
                stdin=answers.stdout,
                capture_output=True,
                text=True,
                check=False,
                env=self._environ,
            )
            answers.kill()
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout + done.stderr


def _checked_out(folder: Path) -> Path:
    """What a fresh clone would hold, with the state on disk and the packages installed already."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
            os.utime(folder / name, (0, 0))  # older than what is installed: nothing is installed again
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    (folder / "terraform" / "local_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    for arguments in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)
    return folder
