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

from ops.command_line.failures import NotDone
from ops.deployment.bill_of_materials import pins
from ops.deployment.package import build, forgotten_sources, function_names, package_contents
from sandbox.google.secret_manager.server import SecretManager
from sandbox.postgres.session import query
from tests.ops.archives import served, unpack
from tests.ops.conftest import Shell
from tests.rig import PROJECT, required_settings

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
    (copy / "functions" / name / "main.py").chmod(0o600)
    os.utime(copy / "functions" / name / "main.py", (1_000_000_000, 1_000_000_000))
    second = build(name, tmp_path / "second", copy)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert (first.size_bytes, first.sha256) == (second.size_bytes, second.sha256)


@pytest.mark.parametrize("name", SIGNATURES)
def test_holds_what_production_runs_and_nothing_else(name: str, tmp_path: Path) -> None:
    """main.py, the lock file as requirements, the bill of materials, and shared/'s Python and SQL."""
    files = [*(ROOT / "shared").rglob("*.py"), *(ROOT / "shared").rglob("*.sql")]
    expected = {file.relative_to(ROOT).as_posix(): file.read_bytes() for file in files}
    assert "shared/settings.py" in expected
    expected["main.py"] = (ROOT / "functions" / name / "main.py").read_bytes()
    expected["requirements.txt"] = (ROOT / "functions" / name / "requirements.lock").read_bytes()
    with zipfile.ZipFile(build(name, tmp_path).path) as archive:
        found = {entry: archive.read(entry) for entry in archive.namelist()}
        assert archive.testzip() is None
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}
    assert list(found) == sorted(found)
    materials = json.loads(found.pop("bom.json"))
    assert found == expected
    installed = {(one["name"], one["version"]) for one in materials["components"]}
    assert installed == set(pins(found["requirements.txt"].decode()).items())
    assert {one["purl"] for one in materials["components"]} == {f"pkg:pypi/{one}@{two}" for one, two in installed}


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_is_installed_is_what_the_tests_ran_on_and_by_its_hash(name: str) -> None:
    """The lock holds each requirement and each constraint's own version, hashes for all, and no address."""
    lock = (ROOT / "functions" / name / "requirements.lock").read_text()
    locked = pins(lock)
    assert pins((ROOT / "functions" / name / "requirements.txt").read_text()).items() <= locked.items()
    assert locked.items() <= pins((ROOT / "requirements/constraints.txt").read_text()).items(), "type: make lock"
    for block in re.split(r"^(?=[A-Za-z])", lock, flags=re.MULTILINE)[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block
    assert "://" not in lock
    assert "--index" not in lock
    assert "--find-links" not in lock


def repository(root: Path) -> Path:
    """A small checkout with one function in it."""
    for file in ("functions/f/main.py", "functions/f/requirements.lock", "shared/one.py"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("")
    for arguments in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)
    return root


def test_what_git_does_not_know_is_not_packed(tmp_path: Path) -> None:
    """An environment file with a password, somebody's notes; what looks like a source is named."""
    root = repository(tmp_path)
    for file in ("shared/.env.py", "shared/notes.py", "functions/f/secret.py"):
        (root / file).write_text("PASSWORD = 'x'")
    assert set(package_contents("f", root)) == {"bom.json", "main.py", "requirements.txt", "shared/one.py"}
    assert forgotten_sources(root) == ["functions/f/secret.py", "shared/.env.py", "shared/notes.py"]


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_link_is_refused(tmp_path: Path, *, is_folder: bool) -> None:
    """What a symbolic link points to may be anybody's."""
    root, outside = repository(tmp_path / "root"), tmp_path / "outside"
    outside.mkdir()
    (outside / "key.py").write_text("KEY = 'x'")
    (root / "shared" / "link.py").symlink_to(outside if is_folder else outside / "key.py")
    subprocess.run(["git", "-C", str(root), "add", "--all"], check=True)
    with pytest.raises(NotDone, match="no regular file"):
        package_contents("f", root)


def test_an_unpacked_release_is_packed_without_git(tmp_path: Path) -> None:
    """All but what is hidden; the same bytes as from the checkout."""
    root = repository(tmp_path / "root")
    before = build("f", tmp_path / "one", root).sha256
    shutil.rmtree(root / ".git")
    (root / "shared" / ".env.py").write_text("PASSWORD = 'x'")
    assert build("f", tmp_path / "two", root).sha256 == before


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
