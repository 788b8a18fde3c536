"""The archives that are deployed: reproducible, complete, nothing more, and they serve alone."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from ops.deployment.package import build, function_names
from sandbox.secret_manager.server import SecretManager
from tests.ops.archives import served, unpack
from tests.ops.conftest import Shell
from tests.rig import PROJECT, required_settings
from tests.sessions import query

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "postgresql://user:password@127.0.0.1:1/none"
SIGNATURES = {"check_threshold": "cloudevent", "swap_executed": "http"}

EVENT = {
    "ce-specversion": "1.0",
    "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
    "ce-source": f"//pubsub.googleapis.com/projects/{PROJECT}/topics/micro-batch-trigger",
    "ce-id": "1",
    "ce-time": "2026-01-01T00:00:00Z",
    "content-type": "application/json",
}


def settings(database_url: str) -> dict[str, str]:
    """The environment of both functions; every address leads to this machine."""
    return required_settings(database_url) | {
        "CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:1",
        "PUBSUB_EMULATOR_HOST": "127.0.0.1:1",
    }


@dataclass(frozen=True)
class Unpacked:
    """A function as it is deployed: the archive's folder and an environment for it alone."""

    name: str
    folder: Path
    programs: Path

    def served(self, environment: dict[str, str]) -> AbstractContextManager[str]:
        """Start the function in its folder, with no other path to any code; its address."""
        return served(self.folder, self.name, SIGNATURES[self.name], environment, programs=self.programs)


@pytest.fixture
def unpacked(request: pytest.FixtureRequest, tmp_path: Path) -> Unpacked:
    """The function named by the parameter, unpacked and its requirements installed."""
    name: str = request.param
    folder, environment = tmp_path / "function", tmp_path / "environment"
    unpack(build(name, tmp_path).path, folder)
    venv.create(environment, with_pip=True, symlinks=True)
    programs = environment / "bin"
    pip = [str(programs / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-qq", "-r", "requirements.txt"], cwd=folder, check=True)
    subprocess.run([*pip, "check", "-q"], check=True)
    return Unpacked(name, folder, programs)


def request(method: str, url: str, **options: object) -> urllib3.BaseHTTPResponse:
    """One request, not repeated."""
    return urllib3.request(method, url, retries=False, timeout=30, **options)  # type: ignore[arg-type]


def test_every_function_is_packaged() -> None:
    """The archives are the two functions."""
    assert function_names() == sorted(SIGNATURES)


@pytest.mark.parametrize("name", SIGNATURES)
def test_same_sources_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    """Neither the time nor the files' times, modes and place are in the archive."""
    first = build(name, tmp_path / "first")
    copy = tmp_path / "copy"
    for part in ("functions", "shared"):
        shutil.copytree(ROOT / part, copy / part, copy_function=shutil.copyfile)
    shutil.copyfile(ROOT / "constraints.txt", copy / "constraints.txt")
    (copy / "functions" / name / "main.py").chmod(0o600)
    os.utime(copy / "functions" / name / "main.py", (1_000_000_000, 1_000_000_000))
    second = build(name, tmp_path / "second", copy)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert (first.size_bytes, first.sha256) == (second.size_bytes, second.sha256)


@pytest.mark.parametrize("name", SIGNATURES)
def test_holds_what_production_runs_and_nothing_else(name: str, tmp_path: Path) -> None:
    """main.py, the requirements and shared/'s Python and SQL, as they are in the repository."""
    tracked = [
        *(ROOT / "shared").rglob("*.py"),
        *(ROOT / "shared").rglob("*.sql"),
    ]
    expected = {file.relative_to(ROOT).as_posix(): file.read_bytes() for file in tracked}
    assert "shared/settings.py" in expected
    expected["main.py"] = (ROOT / "functions" / name / "main.py").read_bytes()
    expected["constraints.txt"] = (ROOT / "constraints.txt").read_bytes()
    with zipfile.ZipFile(build(name, tmp_path).path) as archive:
        found = {entry: archive.read(entry) for entry in archive.namelist()}
        assert archive.testzip() is None
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}
    requirements = found.pop("requirements.txt").decode()
    assert found == expected
    assert list(found) == sorted(found)
    assert requirements.startswith("-c constraints.txt\n")
    own = (ROOT / "functions" / name / "requirements.txt").read_text()
    assert requirements.endswith(own)


def test_a_changed_constraint_changes_the_requirements(tmp_path: Path) -> None:
    """The platform caches installed packages by requirements.txt alone."""
    (tmp_path / "functions" / "f").mkdir(parents=True)
    for file in ("functions/f/main.py", "functions/f/requirements.txt", "constraints.txt"):
        (tmp_path / file).touch()
    texts = []
    for constraint in ("a==1", "a==2"):
        (tmp_path / "constraints.txt").write_text(constraint)
        with zipfile.ZipFile(build("f", tmp_path / "out", tmp_path).path) as archive:
            texts.append(archive.read("requirements.txt"))
    assert texts[0] != texts[1]


def test_the_verb_prints_what_it_built(tmp_path: Path, bare_shell: Shell) -> None:
    """One line an archive: path, size, SHA-256."""
    lines = bare_shell("package", "--out", tmp_path).out.splitlines()
    assert len(lines) == len(SIGNATURES)
    for line, name in zip(lines, sorted(SIGNATURES), strict=True):
        assert re.fullmatch(rf"\S+/{name}\.zip  \d+ bytes  sha256 [0-9a-f]{{64}}", line)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("unpacked", ["swap_executed"], indirect=True)
def test_swap_executed_serves_alone(unpacked: Unpacked, database_url: str) -> None:
    """Healthy with its database, unhealthy without it, and it refuses what is no token."""
    with unpacked.served(settings(database_url)) as url:
        answer = request("GET", f"{url}/health")
        assert (answer.status, answer.json()["status"]) == (200, "healthy")
        answer = request("POST", f"{url}/swap-executed", json={"token": "nonsense"})
        assert (answer.status, answer.json()["status"]) == (400, "error")
    with unpacked.served(settings(NOWHERE)) as url:
        answer = request("GET", f"{url}/health")
        assert answer.status == 503
        assert answer.json()["status"] != "healthy"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("unpacked", ["check_threshold"], indirect=True)
def test_check_threshold_serves_alone(unpacked: Unpacked, database_url: str) -> None:
    """One event, one check on record, with the threshold of that moment."""
    message = {"message": {"data": "", "messageId": "1"}, "subscription": "projects/p/subs/s"}
    with SecretManager() as secrets:
        secrets.add_version(PROJECT, "MICRO_BATCH_THRESHOLD_USD", "123.45\n")
        environment = settings(database_url) | {"SECRET_MANAGER_EMULATOR_HOST": secrets.address}
        with unpacked.served(environment) as url:
            assert request("GET", url).status == 405
            answer = request("POST", url, headers=EVENT, body=json.dumps(message))
            assert answer.status == 200
    checks = query(database_url, "SELECT threshold_usd::NUMERIC(20,2)::TEXT, reason FROM threshold_checks")
    assert checks == [("123.45", "below_threshold")]
    assert sys.prefix not in str(unpacked.programs)
