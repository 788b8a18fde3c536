"""The sandbox's command line as a person types it, and what a command may leave behind."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_S: Final = 100


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the command line with *folder* for all its temporary files."""
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end; the exit code and all that was printed."""
    try:
        output, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    return process.returncode, output


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command to its end."""
    return finish(start(folder, *arguments))


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What the process prints up to and with the first line that holds *text*."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} was never printed:\n{seen}")


def processes_of(folder: Path) -> list[str]:
    """The processes that know the folder, by their command line or their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            texts = [(process / name).read_bytes() for name in ("cmdline", "environ")]
        except OSError:
            continue  # it has ended, or is not ours
        if any(str(folder).encode() in text for text in texts):
            found.append(texts[0].replace(b"\0", b" ").decode(errors="replace"))
    return found


def leftovers(folder: Path) -> list[str]:
    """What a run has left behind, apart from the test's own file."""
    files = [str(path) for path in folder.iterdir() if path.name != "mine.csv"]
    return files + processes_of(folder)


def eventually(look: Callable[[], bool]) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline, "it did not happen within 20 s"
        time.sleep(0.05)
