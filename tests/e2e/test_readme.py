"""The README's commands, typed as they stand there."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.rig import required_settings

ROOT = Path(__file__).resolve().parents[2]
BY_HAND = re.findall(r"^PYTHONPATH=\. \.venv/bin/functions-framework .*$", (ROOT / "README.md").read_text(), re.M)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def typed(line: str, environment: dict[str, str]) -> Iterator[str]:
    """Run a README line in a shell, on a free port; yields the address that it serves."""
    port = free_port()
    command = re.sub(r"--port \d+", f"--port {port}", line)
    shell = subprocess.Popen(
        ["bash", "-c", f"exec env {command}"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait(timeout=20)


def get(url: str, deadline_s: float = 20) -> requests.Response:
    """Ask until somebody answers."""
    until = time.monotonic() + deadline_s
    while True:
        try:
            return requests.get(url, timeout=5)
        except requests.ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize("line", BY_HAND, ids=["check_threshold", "swap_executed"])
def test_a_function_started_by_hand_serves(line: str, database_url: str) -> None:
    """Each of the two lines starts its function on any database; nothing of the sandbox is needed."""
    with typed(line, required_settings(database_url)) as url:
        answer = get(f"{url}/health")
    if "swap_executed" in line:
        assert (answer.status_code, answer.json()["status"]) == (200, "healthy")
    else:
        assert answer.status_code == 405  # an event function answers POST alone
