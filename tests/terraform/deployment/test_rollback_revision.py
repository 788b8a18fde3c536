"""Back to the revisions that passed their smoke test: recorded after it, found again when the next ones fail."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.command_line.exits import Exit
from ops.command_line.failures import NotDone
from ops.deployment import revisions
from ops.deployment.installation import Installation
from ops.deployment.revisions import OBJECT, Revisions
from sandbox.wire import faults
from sandbox.wire.http_server import Answer, Responder
from tests.ops.conftest import Shell
from tests.terraform.deployment.project import Services

CHECK, SWAP = (f"projects/p/locations/l/services/micro-batch-{name}" for name in ("check-threshold", "swap-executed"))
FUNCTIONS = {"check_threshold": CHECK, "swap_executed": SWAP}
QUICK = revisions.Patience(end_s=0.2, poll_s=0.01)


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Both functions, each with all traffic on one revision."""
    monkeypatch.setattr(revisions, "Patience", lambda: QUICK)
    with Services(CHECK, SWAP) as running:
        monkeypatch.setenv("CLOUD_RUN_URL", running.url)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", running.address)
        yield running


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """What Terraform tells of the installation."""
    names = dict.fromkeys(Installation.__dataclass_fields__, "projects/p/locations/l/queues/q")
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({"installation": {"value": names | {"services": FUNCTIONS, "packages_bucket": "b"}}}))
    return file


def fail_a_release(services: Services) -> dict[str, str]:
    """Let one release pass and the next take all traffic; returns the revisions that passed."""
    good = Revisions(FUNCTIONS, "b").record()
    services.serving = {CHECK: "micro-batch-check-threshold-00002-bad", SWAP: "micro-batch-swap-executed-00002-bad"}
    return {CHECK: good["check_threshold"], SWAP: good["swap_executed"]}


def test_both_functions_go_back_to_what_passed(services: Services, outputs: Path, bare_shell: Shell) -> None:
    """To the last that passed, and a second time changes nothing."""
    good = fail_a_release(services)
    first = bare_shell("deploy", "rollback-revision", outputs)
    assert (first.code, services.serving) == (Exit.DONE, good), first.err
    assert "micro-batch-check-threshold-00002-bad -> micro-batch-check-threshold-00001-abc" in first.err
    again = bare_shell("deploy", "rollback-revision", outputs)
    assert (again.code, again.err.count("has the traffic already")) == (Exit.DONE, 2)
    assert [one.method for one in services.requests].count("PATCH") == 2


def test_where_nothing_ever_passed_nothing_moves(services: Services, outputs: Path, bare_shell: Shell) -> None:
    """A first release that fails has nothing behind it."""
    refused = bare_shell("deploy", "rollback-revision", outputs)
    assert (refused.code, "nothing to go back to" in refused.err) == (Exit.REFUSED, True)
    assert {one.method for one in services.requests} == {"GET"}


def test_a_rollback_cut_off_half_way_is_finished_by_another(
    services: Services, outputs: Path, bare_shell: Shell
) -> None:
    """One function is back, then Cloud Run is away: try again, and only what is missing is done."""
    good = fail_a_release(services)
    services.faults.add(method=f"PATCH /v2/{SWAP}", action=faults.status(503))
    cut = bare_shell("deploy", "rollback-revision", outputs)
    assert (cut.code, services.serving[CHECK]) == (Exit.TRY_AGAIN, good[CHECK])
    assert bare_shell("deploy", "rollback-revision", outputs).code == Exit.DONE
    assert services.serving == good


def test_traffic_that_does_not_move_is_not_called_moved(
    services: Services, outputs: Path, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cloud Run takes the change, and the revision never gets the traffic: it may not start any more."""
    fail_a_release(services)
    bad = {"latestReadyRevision": f"{CHECK}/revisions/bad", "trafficStatuses": [{"percent": 100}]}
    with Responder(lambda _: Answer(200, bad)) as stubborn:
        monkeypatch.setenv("CLOUD_RUN_URL", stubborn.url)
        stuck = bare_shell("deploy", "rollback-revision", outputs)
    assert (stuck.code, "has no traffic after" in stuck.err) == (Exit.TRY_AGAIN, True)


def test_split_traffic_is_never_recorded(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of the two passed nobody knows."""
    halves = [{"revision": name, "percent": 50} for name in ("one", "two")]
    with Responder(lambda _: Answer(200, {"trafficStatuses": halves})) as run:
        monkeypatch.setenv("CLOUD_RUN_URL", run.url)
        with pytest.raises(NotDone, match="traffic split"):
            Revisions(FUNCTIONS, "b").record()
    assert OBJECT not in services.objects
