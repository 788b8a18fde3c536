"""The demo and the kept sandbox as a person starts them: in a process, from the command line."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADER = "round,payment_amount_usd,client_id,user_id\n"
PATIENCE_S = 100

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place for temporary files, open to the user as whom PostgreSQL runs for root."""
    path = Path(tempfile.mkdtemp(prefix="demo-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command line with *folder* for all its temporary files."""
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end; the exit code and all that was printed."""
    try:
        output, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    return process.returncode, output


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    return finish(start(folder, *arguments))


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What the process prints up to and with the first line that holds *text*."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} was never printed:\n{seen}")


def payments_file(folder: Path, *lines: str) -> str:
    file = folder / "mine.csv"
    file.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return str(file)


def processes_of(folder: Path) -> list[str]:
    """The processes that know the folder, by their command line or their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            texts = [(process / name).read_bytes() for name in ("cmdline", "environ")]
        except OSError:
            continue  # it has ended, or is not ours
        if any(str(folder).encode() in text for text in texts):
            found.append(texts[0].replace(b"\0", b" ").decode(errors="replace"))
    return found


def leftovers(folder: Path) -> list[str]:
    """What a run has left behind, apart from the test's own file."""
    files = [str(path) for path in folder.iterdir() if path.name != "mine.csv"]
    return files + processes_of(folder)


def eventually(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline, "it did not happen within 20 s"
        time.sleep(0.05)


def shares(output: str) -> list[Decimal]:
    """The column of shares in the printed table."""
    return [Decimal(text) for text in re.findall(r" completed +#\d+ +([0-9.]+) +[0-9.]+$", output, re.M)]


def received(output: str) -> list[Decimal]:
    return [Decimal(text) for text in re.findall(r"^  received +([0-9.]+) USDT", output, re.M)]


@pytest.mark.slow
def test_the_demo_plays_its_payments_to_the_last_digit(folder: Path) -> None:
    """Checks that do nothing, checks that open a batch, an account whose shares sum exactly."""
    started_at = time.monotonic()
    code, output = run(folder, "demo")
    took_s = time.monotonic() - started_at

    assert code == 0, output
    assert "no batch opened (below_threshold)" in output
    assert "batches opened: 1 (threshold_reached)" in output
    assert len(received(output)) == 2
    assert sum(shares(output)) == sum(received(output))
    assert "exactly what was received" in output
    assert "NOT WHAT WAS RECEIVED" not in output
    for who in ("GCAccumulator", "check_threshold", "ChangeNow", "GCHostPay1", "swap_executed"):
        assert re.search(rf"^ +[0-9.]+  {who} ", output, re.M), f"{who} is not in the timeline"
    assert "Total pending ($14.55) < Threshold ($20.00) - no action" in output
    assert leftovers(folder) == []
    assert took_s < 30


def test_other_payments_make_other_numbers(folder: Path) -> None:
    """Two files in two demos at once: each shows its own payments and knows nothing of the other's."""
    other = Path(tempfile.mkdtemp(prefix="demo-test-"))
    other.chmod(0o755)
    try:
        first = start(folder, "demo", payments_file(folder, "1,30.00,anna,1", "1,60.00,bob,2"))
        second = start(other, "demo", "--payments", payments_file(other, "1,21.50,carla,3"))
        (first_code, first_output), (second_code, second_output) = finish(first), finish(second)
        assert (first_code, second_code) == (0, 0), first_output + second_output
        small, large = shares(first_output)
        assert abs(large - 2 * small) <= Decimal("0.00000002")
        assert sum(shares(first_output)) == sum(received(first_output))
        assert shares(second_output) == received(second_output)
        assert "20.85500000" in second_output
        assert "anna" not in second_output
        assert "carla" not in first_output
        assert leftovers(folder) == leftovers(other) == []
    finally:
        shutil.rmtree(other)


def test_payments_that_never_cross_the_threshold_stay_pending(folder: Path) -> None:
    """Two checks that do nothing are a good end, too."""
    code, output = run(folder, "demo", payments_file(folder, "1,5.00,anna,1", "2,5.00,anna,1"))

    assert code == 0, output
    assert "All is well: 0 batches" in output
    assert len(re.findall(r" pending +- +- +-$", output, re.M)) == 2


def test_a_decision_against_the_numbers_is_a_problem(folder: Path) -> None:
    """Half an ether for $30 is not believed by the guard: no batch opens, and the demo ends 1."""
    file = Path(payments_file(folder))
    file.write_text(HEADER.strip() + ",outcome_eth\n1,30.00,anna,1,0.5\n")
    code, output = run(folder, "demo", str(file))

    assert code == 1
    assert "PROBLEM: round 1: pending $29.10 >= threshold $20.00, and yet no batch opened" in output
    assert "quote_refused" in output
    assert leftovers(folder) == []


def test_a_bad_line_ends_the_demo_before_it_begins(folder: Path) -> None:
    """Exit code 2, the line's number and what to write; no world is started."""
    code, output = run(folder, "demo", payments_file(folder, "1,5.00,anna,1", "1,five,anna,1"))

    assert code == 2
    assert output.startswith('mine.csv line 3: payment_amount_usd is "five"; write dollars')
    assert output.count("\n") == 1


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("starting PostgreSQL", signal.SIGINT),
        ("round 1", signal.SIGTERM),
        ("batches opened: 1", signal.SIGINT),
    ],
)
def test_an_interrupted_demo_leaves_nothing_behind(folder: Path, moment: str, number: signal.Signals) -> None:
    """Ctrl-C (pressed twice, by an impatient person) ends every process and removes the folder."""
    process = start(folder, "demo")
    read_until(process, moment)
    if moment == "starting PostgreSQL":
        eventually(lambda: len(processes_of(folder)) > 1)  # in the midst of starting
    process.send_signal(number)
    process.send_signal(number)
    code, output = finish(process)

    assert code == 128 + number
    assert output.splitlines()[-1] == f"{number.name}: everything is stopped and removed"
    assert "Traceback" not in output
    assert leftovers(folder) == []


def test_a_killed_demo_leaves_nothing_behind(folder: Path) -> None:
    """Not even SIGKILL, after which the demo itself can clear away nothing."""
    process = start(folder, "demo")
    read_until(process, "batches opened: 1")
    process.kill()
    finish(process)

    eventually(lambda: leftovers(folder) == [])


@pytest.mark.slow
def test_the_kept_sandbox_takes_commands(folder: Path) -> None:
    """pay, trigger, threshold, policy and status, typed as its own text says."""
    process = start(folder, "run", "--every", "0")
    try:
        text = read_until(process, "/_market")
        assert ".venv/bin/python -m sandbox trigger --force" in text
        assert run(folder, "pay", "12.50", "--client", "anna", "--user", "7")[1] == ("payment 1 is pending\n")
        assert run(folder, "pay", "a lot")[0] == 1
        assert run(folder, "threshold", "12.00")[0] == 0
        assert run(folder, "policy", '{"paused": true}')[0] == 0
        assert run(folder, "trigger")[0] == 0
        read_until(process, "check_threshold: INFO")
        assert "paused" in run(folder, "status")[1]
        assert run(folder, "policy", "{}")[0] == 0
        assert run(folder, "trigger")[0] == 0
        read_until(process, "Batch conversion completed")
        code, status = run(folder, "status")
        assert code == 0
        assert "pending    0 payments, $0.00" in status
        assert "threshold  12.00" in status
        assert re.search(r"completed  +1 payments, \$12\.12, [0-9.]+ USDT received", status), status
    finally:
        process.send_signal(signal.SIGTERM)
        code, _ = finish(process)
    assert code == 128 + signal.SIGTERM
    assert leftovers(folder) == []


def test_a_command_without_a_sandbox_says_what_to_type(folder: Path) -> None:
    """Exit code 1 and one line."""
    code, output = run(folder, "status")

    assert code == 1
    assert output == "no sandbox is running: start one with `make sandbox`\n"
