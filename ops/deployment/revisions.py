"""Goes back to what worked: the revisions of both functions that passed the smoke test, on record beside the packages.

In a bucket and not in the database, which may be what is broken, nor in Terraform's state, which a failed apply leaves
half written. The bucket keeps versions, so that every earlier record can be seen.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ops.command_line.failures import Away, NotDone
from ops.deployment.job import RUN_URL
from ops.outside.google_rest import GoogleApi, Missing, storage_api

OBJECT: Final = "passed-smoke-test.json"
BY_REVISION: Final = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
ALL: Final = 100


@dataclass(frozen=True)
class Patience:
    """How long traffic may take to move, and the pause between two looks, in seconds."""

    end_s: float = 120
    poll_s: float = 2


class Revisions:
    """The Cloud Run services of both functions, and the record of what passed."""

    def __init__(self, services: Mapping[str, str], bucket: str, patience: Patience | None = None) -> None:
        self._services = services
        self._bucket = bucket
        self._patience = patience or Patience()
        self._run = GoogleApi(os.environ.get("CLOUD_RUN_URL", RUN_URL))
        self._storage = storage_api()

    def record(self) -> dict[str, str]:
        """Put on record what takes the traffic now, which the smoke test has just been through."""
        revisions = {name: self._serving(service) for name, service in self._services.items()}
        passed = {"revisions": revisions, "passed_at": datetime.now(UTC).isoformat()}
        path = f"/upload/storage/v1/b/{self._bucket}/o?uploadType=media&name={OBJECT}"
        self._storage.upload(path, json.dumps(passed).encode())
        return revisions

    def passed(self) -> dict[str, str]:
        """Read the record; raises NotDone where nothing ever passed."""
        try:
            found = self._storage.get(f"/storage/v1/b/{self._bucket}/o/{OBJECT}?alt=media")
        except Missing as error:
            raise NotDone("no deployment has passed its smoke test yet: there is nothing to go back to") from error
        revisions: dict[str, str] = found["revisions"]
        return revisions

    def go_back(self, say: Callable[[str], None]) -> dict[str, str]:
        """Give each function's traffic to the revision on record; a second time changes nothing.

        Raises Away where it is not known in time whether the traffic moved; the same can then be typed again.
        """
        revisions = self.passed()
        for name, service in self._services.items():
            before = self._serving(service)
            if before == revisions[name]:
                say(f"{name}: {before} has the traffic already")
                continue
            target = {"type": BY_REVISION, "revision": revisions[name], "percent": ALL}
            self._run.patch(f"/v2/{service}?updateMask=traffic", {"traffic": [target]})
            self._await(service, revisions[name])
            say(f"{name}: {before} -> {revisions[name]}")
        return revisions

    def _serving(self, service: str) -> str:
        """Return the one revision that has all the traffic; raises NotDone where it is split."""
        answer = self._run.get(f"/v2/{service}")
        shares = {_revision(answer, one): one.get("percent", 0) for one in answer.get("trafficStatuses", [])}
        having = [revision for revision, percent in shares.items() if percent == ALL]
        if len(having) != 1:
            raise NotDone(f"{service} has its traffic split ({shares}): give it to one revision first")
        return having[0]

    def _await(self, service: str, revision: str) -> None:
        deadline = time.monotonic() + self._patience.end_s
        while self._serving(service) != revision:
            if time.monotonic() >= deadline:
                raise Away(f"{service}: {revision} has no traffic after {self._patience.end_s:g} s")
            time.sleep(self._patience.poll_s)


def _revision(service: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """The short name of a revision; traffic for the latest one does not name it."""
    return str(status.get("revision") or service["latestReadyRevision"]).rpartition("/")[2]
