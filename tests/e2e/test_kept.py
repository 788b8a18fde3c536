"""The kept sandbox as a person uses it: commands typed into it, things that go wrong, services of one's own."""

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from sandbox.wire.http_server import Responder
from sandbox.world.addresses import find_world
from tests.e2e.command_line import eventually, finish, leftovers, read_until, run, start

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def kept(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A running sandbox without ticks of its own; it leaves nothing behind."""
    process = start(folder, "run", "--every", "0")
    try:
        read_until(process, "/_market")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        code, _ = finish(process)
    assert code == 128 + signal.SIGTERM
    assert leftovers(folder) == []


@pytest.mark.slow
def test_commands_are_typed_into_it(kept: subprocess.Popen[str], folder: Path) -> None:
    """pay, trigger, threshold, policy, payout and status, as its own text says."""
    assert run(folder, "pay", "12.50", "--client", "anna", "--user", "7")[1] == ("payment 1 is pending\n")
    assert run(folder, "pay", "a lot")[0] == 1
    assert run(folder, "threshold", "12.00")[0] == 0
    assert run(folder, "policy", '{"paused": true}')[0] == 0
    assert run(folder, "trigger")[0] == 0
    read_until(kept, "check_threshold: INFO")
    assert "paused" in run(folder, "status")[1]
    assert run(folder, "policy", "{}")[0] == 0
    assert run(folder, "trigger")[0] == 0
    read_until(kept, "Batch conversion completed")
    code, status = run(folder, "status")
    assert code == 0
    assert re.search(r"^pending +\$0\.00 of \$12\.00: 0 payments$", status, re.M), status
    assert re.search(r"^1 .* completed +1 +12\.12", run(folder, "microbatch", "batches")[1], re.M)
    assert run(folder, "queues")[1].splitlines()[0] == "gchostpay1-batch-queue      0 tasks"
    assert run(folder, "payout") == (0, "clients paid out: 0\n")


@pytest.mark.slow
def test_things_go_wrong_in_it_and_right_again(kept: subprocess.Popen[str], folder: Path) -> None:
    """By the typed words; without a database one line and exit code 3; a function that dies is started again."""
    code, listed = run(folder, "drill")
    assert code == 0
    assert re.search(r"^  database-away +PostgreSQL has died$", listed, re.M)
    assert run(folder, "drill", "database-away") == (0, "database-away: PostgreSQL has died\n")
    assert "GOING ON" in run(folder, "drill")[1]
    code, output = run(folder, "status")
    assert code == 3, output
    assert "Traceback" not in output
    assert run(folder, "drill", "end", "database-away")[1] == "ended: database-away\n"
    assert run(folder, "status")[0] == 0
    assert run(folder, "drill", "row-locked") == (1, "no payment is pending: let one come in first\n")
    assert run(folder, "drill", "swap-executed-killed")[0] == 0
    read_until(kept, "swap_executed has died and was started again")
    url = find_world(next(folder.glob("telepay-sandbox-*"))).swap_executed_url
    eventually(lambda: answers(f"{url}/health"))
    os.kill(kept_process(folder, "functions/check_threshold/main.py"), signal.SIGKILL)
    read_until(kept, "check_threshold has died and was started again")


def kept_process(folder: Path, text: str) -> int:
    """The program that a keeper was told to run with *text* among its words, for a world in *folder*."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is not ours
            told = (process / "cmdline").read_text()
            if "keeper.py" in told and str(folder) in told and text in told:
                (child,) = (process / "task" / process.name / "children").read_text().split()
                return int(child)
    raise AssertionError(f"no keeper runs {text}")


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


@pytest.mark.slow
def test_functions_and_operators_of_ones_own(kept: subprocess.Popen[str], folder: Path) -> None:
    """`environment` is what a shell takes, `microbatch` a verb on this world, `functions` both functions by hand."""
    code, exported = run(folder, "environment")
    assert code == 0
    settings = dict(shlex.split(line)[1].split("=", 1) for line in exported.splitlines())
    assert settings["DATABASE_URL"].startswith("postgresql://")
    assert "recommend" in run(folder, "microbatch", "threshold", "--help")[1]
    served = start(folder, "functions")
    try:
        url = read_until(served, "trigger --to").rsplit(" ", 1)[1].strip()
        assert run(folder, "trigger", "--to", url) == (0, "answered 200\n")
        read_until(served, "no action")
        code, output = run(folder, "functions")
        assert (code, len(output.splitlines())) == (1, 2)
        assert "127.0.0.1:8081 cannot be had: Address already in use" in output
        os.kill(kept_process(folder, '"8082"'), signal.SIGKILL)
        read_until(served, "swap_executed has died and was started again")
    finally:
        served.send_signal(signal.SIGINT)
        assert finish(served)[0] == 128 + signal.SIGINT


@pytest.mark.slow
def test_a_team_tries_its_own_gchostpay1(folder: Path) -> None:
    """By its address: the order comes to it, and the text says what it needs to open it and to call back."""
    with Responder() as gchostpay1:
        process = start(folder, "run", "--every", "0", SANDBOX_GCHOSTPAY1_URL=f"{gchostpay1.url}/")
        try:
            text = read_until(process, "/_market")
            assert f"GCHostPay1         {gchostpay1.url}\n" in text
            assert "sandbox-signing-key" in text
            assert "queues/microbatch-response-queue" in text
            run(folder, "pay", "30.00")
            run(folder, "trigger")
            eventually(lambda: bool(gchostpay1.requests))
            assert list(json.loads(gchostpay1.requests[0].body)) == ["token"]
        finally:
            process.send_signal(signal.SIGTERM)
            finish(process)


def test_without_a_sandbox_a_command_says_what_to_type(folder: Path) -> None:
    """Exit code 1 and one line."""
    code, output = run(folder, "status")

    assert code == 1
    assert output == "no sandbox is running: start one with `make sandbox`\n"
