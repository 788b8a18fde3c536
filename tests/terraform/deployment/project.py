"""The project's side of `./microbatch remote`: a Cloud Run that runs the words for real, and the log of it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.wire.http_server import Answer, HttpServer, Request

JOB = "projects/telepay-459221/locations/us-central1/jobs/micro-batch-operations"
EXECUTION = f"{JOB}/executions/micro-batch-operations-abc12"
VERB_MAX_S = 100


class Services(HttpServer):
    """Cloud Run's services and the bucket beside them, as far as traffic and its record go; and a schedule to pause."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.serving = {name: f"{name.rpartition('/')[2]}-00001-abc" for name in names}
        self.objects: dict[str, bytes] = {}

    def answer(self, request: Request) -> Answer:
        """Answer as Cloud Run, Cloud Storage and Cloud Scheduler do."""
        if request.path.endswith(":pause"):
            return Answer(200, {"name": request.path, "state": "PAUSED"})
        if request.path.startswith("/upload/"):
            self.objects[request.query["name"]] = request.body
            return Answer(200, {"name": request.query["name"]})
        if request.path.startswith("/storage/"):
            found = self.objects.get(request.path.rpartition("/")[2])
            return Answer(404) if found is None else Answer(200, body=found)
        return self._service(request)

    def _service(self, request: Request) -> Answer:
        name = request.path.removeprefix("/v2/")
        serving = self.serving.setdefault(name, f"{name.rpartition('/')[2]}-00001-abc")
        if request.method == "PATCH":
            (target,) = json.loads(request.body)["traffic"]
            assert request.query["updateMask"] == "traffic"
            self.serving[name] = target["revision"]
            return Answer(200, {"name": "operations/1"})
        return Answer(
            200, {"latestReadyRevision": f"{name}/revisions/{serving}", "trafficStatuses": [{"percent": 100}]}
        )


class Project(HttpServer):
    """One job, whose container is this very Python with the environment that it is given; a bucket beside it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}
        self.overrides: dict[str, Any] = {}
        self.done: subprocess.CompletedProcess[str] | None = None
        self._environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).resolve().parents[3]), **environ}

    @property
    def shell(self) -> dict[str, str]:
        """What an operator's shell has to be told to find this project."""
        return {
            "CLOUD_LOGGING_URL": self.url,
            "CLOUD_RUN_URL": self.url,
            "MICRO_BATCH_JOB": JOB,
            "STORAGE_EMULATOR_HOST": self.address,
        }

    def answer(self, request: Request) -> Answer:
        """Answer as Cloud Storage, Cloud Run and Cloud Logging do."""
        if request.path.startswith("/upload/storage/v1/b/"):
            return self._keep(request)
        if request.name == f"POST /v2/{JOB}:run":
            return self._run(json.loads(request.body))
        if request.name == f"GET /v2/{EXECUTION}":
            return Answer(200, {"name": EXECUTION, "completionTime": "2026-11-24T10:00:00Z"})
        if request.name == f"GET /v2/{EXECUTION}/tasks":
            assert self.done is not None
            code = self.done.returncode
            return Answer(200, {"tasks": [{"lastAttemptResult": {"exitCode": code} if code else {}}]})
        assert request.name == "POST /v2/entries:list", request.name
        return Answer(200, {"entries": self._entries(json.loads(request.body))})

    def _keep(self, request: Request) -> Answer:
        name = request.query["name"]
        if request.query["ifGenerationMatch"] == "0" and name in self.objects:
            return Answer(412, {"error": {"message": "conditionNotMet"}})
        self.objects[name] = request.body
        return Answer(200, {"name": name})

    def _run(self, document: dict[str, Any]) -> Answer:
        (self.overrides,) = document["overrides"]["containerOverrides"]
        environ = {one["name"]: one["value"] for one in self.overrides["env"]}
        self.done = subprocess.run(
            [sys.executable, "-m", "ops", *self.overrides["args"]],
            capture_output=True,
            text=True,
            env=self._environ | environ,
            timeout=VERB_MAX_S,
            check=False,
        )
        return Answer(200, {"name": "operations/1", "metadata": {"name": EXECUTION}})

    def _entries(self, asked: dict[str, Any]) -> list[dict[str, str]]:
        assert EXECUTION.rpartition("/")[2] in asked["filter"]
        assert self.done is not None
        log = "projects/telepay-459221/logs/run.googleapis.com%2F"
        written = {"stderr": self.done.stderr, "stdout": self.done.stdout}
        return [
            {"logName": log + name, "textPayload": line} for name, text in written.items() for line in text.splitlines()
        ]
