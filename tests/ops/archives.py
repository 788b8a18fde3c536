"""A function's archive, unpacked and served as the platform does it: alone in its folder, with nothing else of ours."""

import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

START_PATIENCE_S = 60


def unpack(archive: Path, folder: Path) -> None:
    """Put an archive's files into a folder."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)


@contextmanager
def served(
    folder: Path, entry_point: str, signature_type: str, environment: Mapping[str, str], *, programs: Path
) -> Iterator[str]:
    """Start the entry point of an unpacked archive by the functions-framework among *programs*; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(programs / "functions-framework"), "--source=main.py", f"--target={entry_point}"]
    command += [f"--signature-type={signature_type}", "--host=127.0.0.1", f"--port={port}"]
    log = folder.with_name(f"{folder.name}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": str(programs), "PYTHONDONTWRITEBYTECODE": "1", **environment},
            stdout=output,
            stderr=output,
        )
        try:
            _wait_until_open(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once something listens on *port*; fails with what the process wrote."""
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the function does not serve:\n{log.read_text()}")
