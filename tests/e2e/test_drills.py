"""docs/drills.md, played as written: every command typed, every event seen that it says is seen."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.world.addresses import POLICY_SECRET, THRESHOLD_SECRET, Addresses, find_world
from sandbox.world.environment import function_environment
from sandbox.world.operations import add_secret_version
from tests.e2e.command_line import ROOT, finish, leftovers, read_until, start

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

PAGE = (ROOT / "docs" / "drills.md").read_text()
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
SECTION = re.compile(r"^## (\S+)\n(.*?)(?=^## |\Z)", re.M | re.S)
STEP = re.compile(
    r"```sh\n(?P<typed>.*?)```|```text\n(?P<printed>.*?)```|(?P<word>Seen|Not seen): (?P<events>`\w+`(?:,\s`\w+`)*)",
    re.S,
)
DRILLS = dict(SECTION.findall(PAGE))
# These are not to be had in a world that has run for a while.
ON_THE_FIRST_DAY = ("policy-unreadable", "cut-over-pending")
IN_A_WORLD_THAT_RUNS = [name for name in DRILLS if name not in ON_THE_FIRST_DAY]
SHORT = {"payments-unclaimable"}  # played by `make test`; all by `make drills`
NAMES = {"BATCH": "batch_conversion_id", "AMOUNT": "received_usdt"}
PATIENCE_S = 120
SETTLING_S = 4
CALM_S = 40
UNSEEN_S = 7
# What the page's second block makes of a terminal.
TERMINAL = 'sandbox() {{ "{python}" -m sandbox "$@"; }}\n'


@dataclass
class Terminal:
    """The second terminal of the page, and the log lines that the functions have written since the last block."""

    where: Addresses
    folder: Path
    _read_up_to: dict[str, int] = field(default_factory=dict)
    _told: dict[str, str] = field(default_factory=dict)

    def type(self, block: str) -> str:
        """Run a block's commands one after the other, each of which must succeed; returns what they print."""
        self.mark()
        script = "set -e\n" + TERMINAL.format(python=sys.executable) + self._filled(block)
        done = subprocess.run(
            ["bash", "-c", script.replace("./microbatch", f'"{sys.executable}" -m ops')],
            cwd=ROOT,
            env={**os.environ, **function_environment(self.where), "TMPDIR": str(self.folder), "PYTHONUNBUFFERED": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        return done.stdout

    def mark(self) -> None:
        """Let lines() begin here."""
        self._read_up_to = {name: len(text) for name, text in self._logs().items()}

    def lines(self) -> list[dict[str, Any]]:
        """The log lines since the last block."""
        texts = [text[self._read_up_to.get(name, 0) :] for name, text in self._logs().items()]
        return [json.loads(line) for text in texts for line in text.splitlines() if line.startswith("{")]

    def events(self) -> set[str]:
        """The lines' events, and the reasons of checks."""
        return {line[key] for line in self.lines() for key in ("event", "reason") if isinstance(line.get(key), str)}

    def _logs(self) -> dict[str, str]:
        return {file.name: file.read_text() for file in Path(self.where.folder).glob("*.log")}

    def remember(self, events: set[str]) -> None:
        """Let BATCH and AMOUNT stand for what the newest lines of these events tell."""
        for line in self.lines():
            if line.get("event") in events:
                self._told |= {name: str(line[key]) for name, key in NAMES.items() if key in line}

    def _filled(self, block: str) -> str:
        for name, told in self._told.items():
            block = block.replace(name, told)
        return block


@contextlib.contextmanager
def running_sandbox(*options: str) -> Iterator[Terminal]:
    """The sandbox as the page starts it."""
    folder = Path(tempfile.mkdtemp(prefix="drills-"))
    folder.chmod(0o755)
    process = start(folder, "run", *options)
    try:
        read_until(process, "Type in another terminal")
        yield Terminal(find_world(next(folder.glob("telepay-sandbox-*"))), folder)
    finally:
        process.send_signal(signal.SIGTERM)
        finish(process)
    assert leftovers(folder) == []
    folder.rmdir()


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    """The sandbox as the page's first block starts it."""
    assert "make sandbox SANDBOX_ARGS=--short\n" in PAGE
    with running_sandbox("--short") as sandbox:
        yield sandbox


@pytest.fixture
def first_day() -> Iterator[Terminal]:
    """The sandbox as it is just after the installation."""
    assert "make sandbox SANDBOX_ARGS='--short --first-day'\n" in PAGE
    with running_sandbox("--short", "--first-day") as sandbox:
        yield sandbox


@pytest.fixture
def calm(terminal: Terminal) -> Iterator[Terminal]:
    """The terminal; a drill that did not come to its end does not spoil the next one."""
    settle_down(terminal)
    yield terminal
    requests.delete(terminal.where.drills_url, timeout=30)
    requests.post(f"{terminal.where.changenow_url}/_market", json={"fee_pct": "0.5"}, timeout=30)
    add_secret_version(terminal.where, THRESHOLD_SECRET, "20.00")
    add_secret_version(terminal.where, POLICY_SECRET, "{}")


def settle_down(terminal: Terminal) -> None:
    """Let the batches of the drill before come to their end, and the breaker be closed."""
    terminal.type('./microbatch breaker reset --yes --why "the next drill"')
    deadline = time.monotonic() + CALM_S
    while '"batches_in_flight": []' not in terminal.type("./microbatch status --json"):
        if time.monotonic() > deadline:
            return
        time.sleep(1)


def test_every_alert_has_its_drill() -> None:
    """Each section of the runbook."""
    assert set(re.findall(r"^## (\S+)$", RUNBOOK, re.M)) == set(DRILLS)


@pytest.mark.parametrize(
    "alert", [pytest.param(one, marks=() if one in SHORT else pytest.mark.long) for one in IN_A_WORLD_THAT_RUNS]
)
def test_a_drill_goes_as_written(calm: Terminal, alert: str) -> None:
    """What is typed succeeds; what is said to be seen is seen, what is not is not."""
    play(calm, alert)


@pytest.mark.long
@pytest.mark.parametrize("alert", ON_THE_FIRST_DAY)
def test_a_drill_of_the_first_day_goes_as_written(first_day: Terminal, alert: str) -> None:
    """Likewise, in a world that has just begun."""
    play(first_day, alert)


def play(terminal: Terminal, alert: str) -> None:
    """Type what a section says is typed, and see what it says is seen."""
    typed = printed = ""
    for step in STEP.finditer(DRILLS[alert]):
        if step["typed"]:
            typed = step["typed"]
            printed = terminal.type(typed)
        elif step["printed"]:
            look_again(terminal, typed, printed, step["printed"])
        elif step["word"] == "Seen":
            see(terminal, set(re.findall(r"\w+", step["events"])))
        else:
            see_none(terminal, set(re.findall(r"\w+", step["events"])))
    assert typed


def see(terminal: Terminal, events: set[str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not events <= terminal.events():
        assert time.monotonic() < deadline, f"{events - terminal.events()} not seen, but {terminal.events()}"
        time.sleep(0.2)
    terminal.remember(events)


def see_none(terminal: Terminal, events: set[str]) -> None:
    time.sleep(SETTLING_S)  # what was under way when the block was typed
    terminal.mark()
    time.sleep(UNSEEN_S)
    assert not events & terminal.events()


def look_again(terminal: Terminal, typed: str, printed: str, wanted: str) -> None:
    """Type the block's last command until it prints what is wanted."""
    deadline = time.monotonic() + PATIENCE_S
    while wanted not in printed:
        assert time.monotonic() < deadline, f"{wanted} was not printed, but {printed}"
        printed = terminal.type(typed.splitlines()[-1])
