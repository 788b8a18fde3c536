"""A child process under a keeper, as its owner sees it."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox.processes import keeper


class KeptProcess:
    """Runs one job until it ends, is asked to, or its owner is gone; what it writes is added to *log*."""

    def __init__(self, job: keeper.Job, log: Path, environment: Mapping[str, str]) -> None:
        with log.open("ab") as written:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, json.dumps(job._asdict())],
                stdin=subprocess.PIPE,
                stdout=written,
                stderr=written,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C is the owner's to answer
            )

    @property
    def process_id(self) -> int:
        """The keeper's own process; the program is its child."""
        return self._keeper.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._keeper.poll() is None

    def ask(self, signal: bytes) -> None:
        """Send the program one of the keeper's signals."""
        if self._keeper.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._keeper.stdin.write(signal)
                self._keeper.stdin.flush()

    def ends_within(self, patience_s: float) -> bool:
        """Wait for its end; False when that has not come in time."""
        try:
            self._keeper.wait(patience_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def release(self) -> int:
        """Let the rope go, which ends what may still run; 0 when the program ended well."""
        if self._keeper.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._keeper.stdin.close()
        return self._keeper.wait()
