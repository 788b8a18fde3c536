"""Verbs inside the project: the job as it is planned, run here; and the commands that have it run there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ops.deployment import job
from ops.deployment.inside import ADDRESS, PlannedJob
from ops.deployment.installation import Installation
from ops.deployment.operations_archive import build_operations, fetch_and_build
from ops.deployment.package import Package
from ops.deployment.plan.approval import sha256
from sandbox.postgres.session import query
from shared.settings import load_check_settings
from tests.ops.conftest import Shell
from tests.rig import required_settings
from tests.terraform.deployment.project import JOB, Project
from tests.terraform.tool import Terraform, of_type, resources
from tests.terraform.watching.logging_filter import matches

BARE_PYTHON = getattr(sys, "_base_executable", sys.executable)
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def private(offline: Terraform) -> dict[str, Any]:
    """The plan of the example whose database has no public address."""
    return offline.plan("private.tfplan", "-var-file=examples/private-database.tfvars")


def container(plan: dict[str, Any]) -> dict[str, Any]:
    """The planned container of the job."""
    (change,) = (one["change"]["after"] for one in plan["resource_changes"] if one["address"] == ADDRESS)
    planned: dict[str, Any] = change["template"][0]["template"][0]["containers"][0]
    return planned


class Machine:
    """A folder with an archive in it, and a Python without any package, as the job's image has it."""

    def __init__(self, archive: Package, planned: dict[str, Any], environ: dict[str, str]) -> None:
        folder = archive.path.parent.parent
        self.archive = archive.path.rename(archive.path.parent / f"operations-{archive.sha256}.zip")
        self._command = planned["command"]
        self._environ = {one["name"]: one["value"] for one in planned["env"] if one.get("value")} | {
            "ARCHIVE_SHA256": archive.sha256,
            "PACKAGES": str(folder / "packages"),
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "TMPDIR": str(folder),
            **environ,
        }
        (folder / "bin").mkdir()
        python = folder / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec {BARE_PYTHON} "$@"\n')  # by its path: never itself
        python.chmod(0o755)

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Start the planned container with these words as its arguments."""
        return subprocess.run(
            [*self._command, *words],
            capture_output=True,
            text=True,
            env=self._environ | environ,
            timeout=200,
            check=False,
        )


@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_planned_job_migrates_a_database(private: dict[str, Any], empty_database_url: str, tmp_path: Path) -> None:
    """On a Python without packages and without a way to an index: the archive brings all that it needs."""
    nowhere = {"DATABASE_URL": empty_database_url, "PIP_INDEX_URL": "http://127.0.0.1:9"}
    machine = Machine(fetch_and_build(tmp_path / "packages", PYTHON), container(private), nowhere)
    done = machine.run("migrate")
    assert done.returncode == 0, done.stderr
    assert "applied" in done.stdout
    assert query(empty_database_url, "SELECT COUNT(*) FROM batch_conversions") == [(0,)]


def test_an_archive_that_is_not_its_name_is_not_run(private: dict[str, Any], tmp_path: Path) -> None:
    """Whoever can write into the bucket cannot change what a reviewed plan runs; nor does a missing wheel pass."""
    machine = Machine(build_operations(tmp_path / "packages", wheels=None), container(private), {})
    incomplete = machine.run("migrate")
    assert incomplete.returncode != 0
    assert "No matching distribution found" in incomplete.stderr
    with machine.archive.open("ab") as archive:
        archive.write(b"\0")
    refused = machine.run("migrate")
    assert refused.returncode == 1
    assert "is not what its name says" in refused.stderr


def test_the_planned_job_reaches_what_it_needs(private: dict[str, Any]) -> None:
    """The database's secrets by their names, the way there, the archive of this plan."""
    planned = container(private)
    secrets = {
        one["name"]: one["value_source"][0]["secret_key_ref"][0]["secret"]
        for one in planned["env"]
        if one["value_source"]
    }
    assert {"DATABASE_NAME_SECRET", "DATABASE_PASSWORD_SECRET", "DATABASE_USER_SECRET"} < set(secrets)
    plain = {one["name"] for one in planned["env"]} - set(secrets)
    assert {
        "ARCHIVE_SHA256",
        "CLOUD_SQL_IP_TYPE",
        "FENCE",
        "GOOGLE_CLOUD_PROJECT",
        "MICRO_BATCH_TRIGGER_TOPIC",
    } <= plain
    found = PlannedJob.read(private)
    assert found is not None
    assert (found.name, found.is_new) == (JOB, True)
    assert planned["image"] == f"python:{PYTHON}-slim"


def test_whoever_steers_from_inside_has_what_a_check_reads(private: dict[str, Any]) -> None:
    """Where no other way leads to the database, an amount is accepted and a restored database mended in there."""
    secrets = required_settings("") | {"CLOUD_SQL_CONNECTION_NAME": "known:once:applied"}
    names = {one["name"]: one.get("value") for one in container(private)["env"]}
    environ = {name: value or secrets.get(name, "a-secret") for name, value in names.items()}
    settings = load_check_settings(environ)
    assert settings.gchostpay1_url == private["variables"]["gchostpay1_url"]["value"]
    assert settings.fence is not None
    assert 'module.fence.google_storage_bucket_iam_member.main["operations"]' in resources(private)


def test_a_reconciliation_runs_each_night_and_is_heard(offline: Terraform) -> None:
    """With its own account and no more secrets than it reads; what it writes at WARNING or above reaches a person."""
    reconciliation = '-var=reconciliation={node_secret="NODE", list_key_secret="LIST_KEY"}'
    given = ("-var-file=examples/private-database.tfvars", reconciliation)
    plan = offline.plan("nightly.tfplan", *given)
    (schedule,) = of_type(plan, 'module.operations["reconciliation"].google_cloud_scheduler_job').values()
    target = schedule["http_target"][0]
    assert target["uri"].endswith("/jobs/micro-batch-reconciliation:run")
    (job,) = of_type(plan, 'module.operations["reconciliation"].google_cloud_run_v2_job').values()
    planned = job["template"][0]["template"][0]["containers"][0]
    assert planned["args"] == ["reconcile", "--log"]
    read_from = {
        one["name"]: one["value_source"][0]["secret_key_ref"][0] for one in planned["env"] if one["value_source"]
    }
    assert read_from["ETHEREUM_RPC_URL"]["secret"] == "NODE"
    grants = of_type(plan, "google_secret_manager_secret_iam_member.accessor")
    read = {one.split('"')[1].partition("/")[2] for one in grants if '"reconciliation/' in one}
    secrets = {"CHANGENOW_API_KEY", "HOST_WALLET_ETH_ADDRESS", "HOST_WALLET_USDT_ADDRESS"}
    database = {"DATABASE_NAME_SECRET", "DATABASE_PASSWORD_SECRET", "DATABASE_USER_SECRET"}
    assert read == secrets | database | {"LIST_KEY", "NODE"}
    given_as = {one["name"] for one in planned["env"] if one["value_source"]}
    assert {"CHANGENOW_PRIVATE_API_KEY", "ETHEREUM_RPC_URL"} <= given_as
    ((_, policy),) = of_type(plan, "google_monitoring_alert_policy.reconciliation").items()
    text = policy["conditions"][0]["condition_matched_log"][0]["filter"]
    resource = {"type": "cloud_run_job", "labels": {"job_name": "micro-batch-reconciliation"}}
    heard = {one: matches(text, {"severity": one, "resource": resource}) for one in ("INFO", "WARNING", "ERROR")}
    assert heard == {"INFO": False, "WARNING": True, "ERROR": True}
    assert policy["documentation"][0]["content"].endswith(
        "Runbook: docs/runbook.md, section reconciliation-unexplained"
    )


@pytest.fixture
def project(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The project with its job, and a shell that reaches nothing but it."""
    monkeypatch.setattr(job, "Patience", lambda: job_patience)
    with Project({"DATABASE_URL": database_url}) as running:
        for name, value in running.shell.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:password@127.0.0.1:1/none")
        monkeypatch.setenv("LOGNAME", "ada")
        yield running


job_patience = job.Patience(end_s=5, poll_s=0.01, lines_s=0)


def test_a_verb_runs_in_there_and_ends_as_it_ended(project: Project, database_url: str, bare_shell: Shell) -> None:
    """Output is output, the rest is told, the exit code comes back, and an act carries the name of who typed it."""
    listed = bare_shell("remote", "status", "--json")
    assert listed.code == 0, listed.err
    assert "pending" in listed.document
    assert "runs inside the project" in listed.err
    refused = bare_shell("remote", "batch", "#7")
    assert refused.code == 1
    assert refused.out == ""
    assert "microbatch: " in refused.err
    assert bare_shell("remote", "cut-over", "--all", "--yes", "--why", "all ours").code == 0
    assert query(database_url, "SELECT by_whom, why FROM operator_acts") == [("ada", "all ours")]


def test_without_a_job_a_verb_is_refused(bare_shell: Shell) -> None:
    """With what would make one."""
    refused = bare_shell("remote", "status")
    assert (refused.code, "operations_job" in refused.err) == (1, True)


def planned_job(plan: dict[str, Any], archive: Path, *actions: str) -> dict[str, Any]:
    """The plan with this archive in its job."""
    document: dict[str, Any] = json.loads(json.dumps(plan))
    (change,) = (one["change"] for one in document["resource_changes"] if one["address"] == ADDRESS)
    change["actions"] = list(actions)
    environment = change["after"]["template"][0]["template"][0]["containers"][0]["env"]
    next(one for one in environment if one["name"] == "ARCHIVE_SHA256")["value"] = sha256(archive)
    return document


def test_a_deployment_migrates_in_there_first(
    project: Project, private: dict[str, Any], bare_shell: Shell, tmp_path: Path
) -> None:
    """With the reviewed plan's archive, put beside the job's others once; never with another one."""
    archive = build_operations(tmp_path, wheels=None).path
    plan = tmp_path / "plan.json"
    typed = ("deploy", "migrate", plan, "--archive", archive)
    plan.write_text(json.dumps(planned_job(private, archive, "create")))
    assert "make prepare" in bare_shell(*typed).err
    plan.write_text(json.dumps(planned_job(private, archive, "update")))
    for _ in range(2):
        migrated = bare_shell(*typed)
        assert (migrated.code, migrated.out) == (0, "nothing to apply: up to date\n"), migrated.err
    name = f"operations-{sha256(archive)}.zip"
    assert project.objects == {name: archive.read_bytes()}
    assert {"name": "ARCHIVE_SHA256", "value": sha256(archive)} in project.overrides["env"]
    archive.write_bytes(b"another")
    assert bare_shell(*typed).code == 1
    assert set(project.objects) == {name}


def test_the_smoke_test_runs_in_there_once(project: Project, bare_shell: Shell, tmp_path: Path) -> None:
    """Told of the installation without the job, so that in there it is tried, not passed on and not recorded."""
    names = dict.fromkeys(Installation.__dataclass_fields__, "projects/p/locations/l/queues/q")
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps({"installation": {"value": names | {"operations_job": JOB}}}))
    assert bare_shell("deploy", "smoke", outputs).code != 0  # nothing of it exists here
    verb, act, option, document = project.overrides["args"]
    assert (verb, act, option) == ("deploy", "smoke", "--installation")
    assert asdict(Installation(**json.loads(document))) == names | {"operations_job": None, "services": {}}
    runs = [one for one in project.requests if one.path.endswith(":run")]
    assert len(runs) == 1


def test_without_a_job_migrations_run_from_here(
    project: Project, plan: dict[str, Any], bare_shell: Shell, tmp_path: Path
) -> None:
    """Most installations have a database that a laptop reaches; this shell reaches none."""
    document = tmp_path / "plan.json"
    document.write_text(json.dumps(plan))
    migrated = bare_shell("deploy", "migrate", document)
    assert (migrated.code, project.requests) == (3, [])
    assert "PostgreSQL cannot be reached" in migrated.err
