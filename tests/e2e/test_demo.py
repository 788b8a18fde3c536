"""The demo as a person starts it: in a process, from the command line."""

import re
import shutil
import signal
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.demo import columns
from tests.e2e.command_line import eventually, finish, leftovers, processes_of, read_until, run, start

HEADER = "round,payment_amount_usd,client_id,user_id\n"

pytestmark = pytest.mark.timeout(180)


def payments_file(folder: Path, *lines: str) -> str:
    file = folder / "mine.csv"
    file.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return str(file)


def shares(output: str) -> list[Decimal]:
    """The column of shares in the printed table."""
    return [Decimal(text) for text in re.findall(r" completed +#\d+ +([0-9.]+) +[0-9.]+$", output, re.M)]


def paid_out(output: str) -> dict[str, str]:
    """What GCBatchProcessor sent each client, as printed."""
    return dict(re.findall(r"^  (\S+) +[0-9.]+ USDT   ([0-9.]+) USDT$", output, re.M))


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
    assert len(paid_out(output)) == 3
    assert "client-dora" in output
    assert "below the client's threshold" in output
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


def test_a_long_file_is_summed_up(folder: Path) -> None:
    """Progress while the payments come in, and no list of them unless it is asked for; a wide name stays in line."""
    lines = [f"1,1.00,{'客户' if number % 2 else 'anna'},{number}" for number in range(1, 602)]
    file = payments_file(folder, *lines)
    code, output = run(folder, "demo", file)
    assert code == 0, output
    assert "round 1: 500 of 601 payments are in" in output
    assert "Payments: 601; `--details` lists them" in output
    assert len(output.splitlines()) < 80
    owed = [line for line in output.splitlines() if line.endswith(" USDT") and line.startswith(("  anna", "  客户"))]
    assert len({columns.width(line[: line.index(".")]) for line in owed}) == 1
    code, output = run(folder, "demo", file, "--details")
    assert code == 0, output
    assert len(shares(output)) == 601


def test_payments_that_never_cross_the_threshold_stay_pending(folder: Path) -> None:
    """Two checks that do nothing are a good end, too."""
    code, output = run(folder, "demo", payments_file(folder, "1,5.00,anna,1", "2,5.00,anna,1"))

    assert code == 0, output
    assert "All is well: 0 batches completed with 0 payments, 2 payments pending." in output
    assert "round 1: 1 payment, $5.00; now a check" in output
    assert len(re.findall(r" pending +- +- +-$", output, re.M)) == 2


def test_a_decision_against_the_numbers_is_a_problem(folder: Path) -> None:
    """Half an ether for $30 is not believed by the guard: no batch opens, and the demo ends 1."""
    file = Path(payments_file(folder))
    file.write_text(HEADER.strip() + ",outcome_eth\n1,30.00,anna,1,0.5\n")
    code, output = run(folder, "demo", str(file))

    assert code == 1
    assert "PROBLEM: round 1: pending $29.10 >= threshold $20.00, and yet no batch opened" in output
    assert "see: ./microbatch status" in output
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
