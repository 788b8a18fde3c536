"""Runs a verb inside the project, in the Cloud Run job that Terraform makes: for a database that no laptop reaches.

The job unpacks an archive of these very sources (ops/deployment/operations_archive.py) and runs `python -m ops` with
the words that it is given. What the verb writes is Cloud Logging's; it is read there and written again here.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.command_line.failures import Away
from ops.outside.google_rest import GoogleApi

RUN_URL: Final = "https://run.googleapis.com"
LOGGING_URL: Final = "https://logging.googleapis.com"
LINES_MAX: Final = 1000
ENDED_BY_A_SIGNAL: Final = 1


@dataclass(frozen=True)
class Patience:
    """How long to wait for the end, between two looks, and for the last lines to reach Cloud Logging, in seconds."""

    end_s: float = 3600
    poll_s: float = 3
    lines_s: float = 10


@dataclass(frozen=True)
class Ended:
    """How a verb ended in there: its exit code and what it wrote to standard output."""

    execution: str
    exit_code: int
    output: list[str]


class Job:
    """The job by its full name."""

    def __init__(self, name: str, patience: Patience | None = None) -> None:
        self.name = name
        self._patience = patience or Patience()
        self._run = GoogleApi(os.environ.get("CLOUD_RUN_URL", RUN_URL))
        self._logging = GoogleApi(os.environ.get("CLOUD_LOGGING_URL", LOGGING_URL))

    def run(self, words: Sequence[str], *, say: Callable[[str], None], environ: Mapping[str, str]) -> Ended:
        """Run one verb to its end and return how it ended; raises Away where that is not known in time.

        What it writes to standard error is said. A job that is given up on here goes on in there.
        """
        container = {
            "args": list(words),
            "env": [{"name": name, "value": value} for name, value in environ.items()],
        }
        started = self._run.post(f"/v2/{self.name}:run", {"overrides": {"containerOverrides": [container]}})
        execution = str(started["metadata"]["name"])
        say(f"runs inside the project: {execution.rpartition('/')[2]}")
        self._await_end(execution)
        exit_code = self._exit_code(execution)
        lines = self._lines(execution)
        for line, is_output in lines:
            if not is_output:
                say(line)
        return Ended(execution, exit_code, [line for line, is_output in lines if is_output])

    def _await_end(self, execution: str) -> None:
        deadline = time.monotonic() + self._patience.end_s
        while "completionTime" not in self._run.get(f"/v2/{execution}"):
            if time.monotonic() >= deadline:
                raise Away(f"{execution} has not ended after {self._patience.end_s:g} s; it goes on")
            time.sleep(self._patience.poll_s)

    def _exit_code(self, execution: str) -> int:
        (task,) = self._run.get(f"/v2/{execution}/tasks")["tasks"]
        result = task.get("lastAttemptResult", {})
        # Fields that are 0 are left out of Google's documents; a container that was killed has a signal instead.
        return ENDED_BY_A_SIGNAL if result.get("termSignal") else int(result.get("exitCode", 0))

    def _lines(self, execution: str) -> list[tuple[str, bool]]:
        """Return what it wrote, each line with whether it was standard output; the last ones come some seconds late."""
        time.sleep(self._patience.lines_s)
        project, short = execution.split("/")[1], execution.rpartition("/")[2]
        wanted = f'resource.type="cloud_run_job" AND labels."run.googleapis.com/execution_name"="{short}"'
        asked = {
            "resourceNames": [f"projects/{project}"],
            "filter": wanted,
            "orderBy": "timestamp asc",
            "pageSize": LINES_MAX,
        }
        entries = self._logging.post("/v2/entries:list", asked).get("entries", [])
        return [(_text(entry), entry["logName"].endswith("stdout")) for entry in entries if _text(entry)]


def _text(entry: Mapping[str, Any]) -> str:
    return str(entry.get("textPayload") or entry.get("jsonPayload", {}).get("message", ""))
