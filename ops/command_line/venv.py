"""Makes .venv hold exactly the pinned packages: `make setup`, or the first `./microbatch`.

Standard library only, since it runs before anything is installed. Two runs at once wait for each
other; the second finds the work done.
"""

import fcntl
import hashlib
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements" / "dev.txt"


def fingerprint() -> str:
    """The interpreter and the contents of every requirement file, as one hash."""
    files = [REQUIREMENTS, ROOT / "requirements" / "constraints.txt", *ROOT.glob("functions/*/requirements.txt")]
    digest = hashlib.sha256(f"{sys.version} {sys.base_prefix}".encode())
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@contextmanager
def only_installer() -> Iterator[None]:
    """Hold the lock file beside .venv; the kernel frees it however this process ends."""
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install() -> None:
    """Install into an empty environment, so that nothing dropped from the files stays behind."""
    installed = ENVIRONMENT / ".installed"
    wanted = fingerprint()
    if installed.is_file() and installed.read_text() == wanted:
        installed.touch()
        return
    print("Installing the pinned packages into .venv (a minute the first time) ...", file=sys.stderr)
    venv.create(ENVIRONMENT, clear=True, with_pip=True, symlinks=True)
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--quiet", "-r", str(REQUIREMENTS)], check=True)
    installed.write_text(wanted)


def main() -> int:
    """0 once .venv is complete; pip's own message and 1 when a package could not be installed."""
    with only_installer():
        try:
            install()
        except subprocess.CalledProcessError as error:
            print(f"make setup: not complete: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
