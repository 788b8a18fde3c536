"""What a deployment leaves to the job inside the project: migrations before the apply, the smoke test after it."""

import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from ops.command_line.answers import Answer, tell
from ops.command_line.exits import Exit
from ops.command_line.failures import NotDone
from ops.deployment.installation import Installation
from ops.deployment.job import Ended, Job
from ops.deployment.plan.approval import sha256
from ops.outside.google_rest import Conflict, storage_api

ADDRESS: Final = 'module.operations["operations"].google_cloud_run_v2_job.main'
USERS: Final = "module.database.google_sql_user.runtime["
ARCHIVE_SHA256: Final = "ARCHIVE_SHA256"


@dataclass(frozen=True)
class PlannedJob:
    """The job as a plan will leave it: its full name, and the archive that it is to unpack."""

    name: str
    bucket: str
    archive_sha256: str
    is_new: bool

    @classmethod
    def read(cls, plan: Mapping[str, Any]) -> Self | None:
        """Find the job in the document of ``terraform show -json``; None where the plan leaves none."""
        (change,) = [one for one in plan["resource_changes"] if one["address"] == ADDRESS] or [None]
        if change is None or change["change"]["after"] is None:
            return None
        after = change["change"]["after"]
        task = after["template"][0]["template"][0]
        environment = {one["name"]: one.get("value") for one in task["containers"][0]["env"]}
        return cls(
            name=f"projects/{after['project']}/locations/{after['location']}/jobs/{after['name']}",
            bucket=task["volumes"][0]["gcs"][0]["bucket"],
            archive_sha256=environment[ARCHIVE_SHA256],
            is_new="create" in change["change"]["actions"],
        )


def planned_users(plan: Mapping[str, Any]) -> list[str]:
    """The database users that a plan leaves the functions, where each logs in as its own account."""
    users = [one["change"] for one in plan["resource_changes"] if one["address"].startswith(USERS)]
    return sorted(user["after"]["name"] for user in users if user["after"] and "create" not in user["actions"])


def migrate_inside(job: PlannedJob, archive: Path, roles: Sequence[str]) -> Answer:
    """Run the plan's own migrations in the job that is there, before anything else of the plan is applied."""
    if job.is_new:
        raise NotDone("the job inside the project is not made yet: make prepare, then make plan again")
    if sha256(archive) != job.archive_sha256:
        raise NotDone(f"{archive} is not the archive of this plan: make plan again")
    upload(job.bucket, f"operations-{job.archive_sha256}.zip", archive.read_bytes())
    words = ["migrate", *(f"--grant={role}" for role in roles)]
    return run_inside(job.name, words, {ARCHIVE_SHA256: job.archive_sha256})


def smoke_inside(installation: Installation) -> Answer:
    """Run the smoke test in the job, on this very installation; what passed is put on record from here."""
    here = json.dumps(asdict(replace(installation, operations_job=None, services={})))
    return run_inside(str(installation.operations_job), ["deploy", "smoke", "--installation", here])


def run_inside(job: str, words: Sequence[str], environ: Mapping[str, str] | None = None) -> Answer:
    """Run a verb in the job under the name of who types here, and end as it ended."""
    ended = Job(job).run(words, say=tell, environ={"LOGNAME": getpass.getuser(), **(environ or {})})
    facts = {"execution": ended.execution, "exit_code": ended.exit_code, "output": ended.output}
    return Answer(facts, ended.output, _exit(ended))


def upload(bucket: str, name: str, content: bytes) -> None:
    """Put an object into a bucket unless it is there: its name tells its content."""
    try:
        storage_api().upload(
            f"/upload/storage/v1/b/{bucket}/o?uploadType=media&ifGenerationMatch=0&name={name}", content
        )
    except Conflict:
        tell(f"gs://{bucket}/{name} is there already")


def _exit(ended: Ended) -> Exit:
    return Exit(ended.exit_code) if ended.exit_code in set(Exit) else Exit.REFUSED
