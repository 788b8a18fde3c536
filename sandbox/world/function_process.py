"""A function as the platform runs it: functions-framework in a process of its own."""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from sandbox.processes import keeper, listen
from sandbox.processes.kept_process import KeptProcess

ROOT = Path(__file__).resolve().parents[2]
START_PATIENCE_S = 60.0
STOP_PATIENCE_S = 10.0
POLL_S = 0.01
LOG_TAIL_CHARACTERS = 4000


class FunctionError(Exception):
    """The function's process did not start; the message holds the end of what it wrote."""


@dataclass(frozen=True)
class Target:
    """Which function, and how it is called."""

    name: str  # of the function and of its folder
    signature_type: str  # cloudevent or http
    health_path: str


CHECK_THRESHOLD = Target("check_threshold", "cloudevent", "/")
SWAP_EXECUTED = Target("swap_executed", "http", "/health")


class FunctionProcess:
    """One function; its port, free or given, stays the same over kill() and start()."""

    def __init__(
        self, target: Target, environment: Mapping[str, str], folder: Path, *, root: Path = ROOT, port: int = 0
    ) -> None:
        self.target = target
        self.environment = dict(environment)
        self._folder = folder
        self.root = root
        self._process: KeptProcess | None = None
        self._lock = threading.RLock()
        self._port = port

    @property
    def url(self) -> str:
        """The function's address, without a slash at the end."""
        if not self._port:
            raise FunctionError(f"{self.target.name} has not been started")
        return f"http://127.0.0.1:{self._port}"

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.running

    @property
    def process_id(self) -> int | None:
        """The process under which the function's run; None while none does."""
        return None if self._process is None else self._process.process_id

    @property
    def output(self) -> str:
        """All that the process has written so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """The structured log lines among it, oldest first."""
        lines = []
        for text in self.output.splitlines():
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                if isinstance(line, dict):
                    lines.append(line)
        return lines

    def start(self) -> None:
        """Start the process; its port is known and open on return, ready() waits for the rest."""
        self._port_file.unlink(missing_ok=True)
        job = keeper.Job(
            command=self._command(),
            folder=str(self._folder),
            owner=os.getpid(),
            user=None,
            group=None,
            lock=str(self._folder / "no-lock"),
            remove=True,  # should the owner be killed
        )
        self._process = KeptProcess(job, self._log, self._process_environment())
        self._port = self._await_port()

    def ready(self) -> None:
        """Return once the function answers."""
        try:
            requests.get(self.url + self.target.health_path, timeout=START_PATIENCE_S)
        except requests.RequestException as error:
            raise self._failed("does not answer") from error

    def restart(self) -> None:
        """End it at once and start it anew, with its environment as it is now."""
        with self._lock:
            self.kill()
            self.start()

    def revive(self) -> bool:
        """Start it again if it has died; whether it had."""
        with self._lock:
            if self.running:
                return False
            self.restart()
            return True

    def stop(self) -> None:
        """End the process in good order; a second time is harmless."""
        self._end(keeper.INTERRUPT)

    def kill(self) -> None:
        """End it at once, as running out of memory would."""
        self._end(keeper.KILL)

    @property
    def _log(self) -> Path:
        return self._folder / f"{self.target.name}.log"

    @property
    def _port_file(self) -> Path:
        return self._folder / f"{self.target.name}.port"

    def _command(self) -> list[str]:
        name = self.target.name
        framework = Path(sys.executable).with_name("functions-framework")
        return [
            sys.executable,
            "-I",
            "-S",
            listen.__file__,
            str(self._port),
            str(self._port_file),
            sys.executable,
            str(framework),
            "--source",
            str(self.root / "functions" / name / "main.py"),
            "--target",
            name,
            "--signature-type",
            self.target.signature_type,
            "--host",
            "127.0.0.1",
            "--port",
            "{port}",
        ]

    def _process_environment(self) -> dict[str, str]:
        """The settings, and of the owner's environment only what a program cannot do without."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        own = {
            "HOME": str(self._folder),  # gunicorn leaves a folder of its own there
            "PYTHONPATH": str(self.root),
            "PYTHONUNBUFFERED": "1",
            "LC_ALL": "C.UTF-8",
        }
        return {**kept, **own, **self.environment}

    def _await_port(self) -> int:
        deadline = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < deadline and self.running:
            if self._port_file.exists():
                return int(self._port_file.read_text())
            time.sleep(POLL_S)
        raise self._failed("did not start")

    def _failed(self, what: str) -> FunctionError:
        tail = self.output[-LOG_TAIL_CHARACTERS:].strip() or "it has written nothing"
        return FunctionError(f"{self.target.name} {what}:\n{tail}")

    def _end(self, ask: bytes) -> None:
        ended, self._process = self._process, None
        if ended is None:
            return
        for signal in (ask, keeper.KILL):
            ended.ask(signal)
            if ended.ends_within(STOP_PATIENCE_S):
                break
        ended.release()
