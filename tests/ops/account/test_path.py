"""docs/accounts.md: an accountant's path, from a client's question to the last digit, typed as it stands there."""

import csv
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from tests.ops.conftest import Shell
from tests.rig import Rig

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "accounts.md").read_text()


def commands() -> list[str]:
    """The lines of the page's shell blocks, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def test_the_path_leads_to_the_last_digit(
    rig: Rig, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of the page ends well, and what they tell of one payment agrees to the last digit."""
    payments = rig.pay("10.00", "15.00000001", "7.77", age=timedelta(hours=1))
    rig.check()
    batch = rig.batches()[-1]
    rig.pay_out(batch, "32.123457")
    rig.call_back(rig.response(batch, "32.123457"))
    assert shell("threshold", "set", "21.00", "--yes").code == 0  # an act, for the last export
    samples = {"CLIENT": "client", "PAYMENT": str(payments[1]), "BATCH": str(batch["batch_conversion_id"])}
    monkeypatch.chdir(tmp_path)
    told = {line: typed(line, samples, shell, tmp_path) for line in commands()}
    assert len(told) == 14
    with (tmp_path / "payments.csv").open(newline="") as lines:
        shares = {row["payment_id"]: row["share_usdt"] for row in csv.DictReader(lines)}
    share = shares[str(payments[1])]
    assert sum(map(Decimal, shares.values())) == Decimal("32.123457")
    for line in ("./microbatch payment PAYMENT", "./microbatch receipt PAYMENT"):
        assert share in told[line]
    statement = told["./microbatch statement CLIENT --month 2026-11"]
    assert share.rstrip("0") in statement
    assert "3 payments  $32.77000001  32.12345700 USDT" in statement
    assert f"share {share} USDT" in told["python3 ops/books/verify.py receipt.json"]
    with (tmp_path / "batches.csv").open(newline="") as lines:
        (row,) = csv.DictReader(lines)
    assert Decimal(row["received_usdt"]) == Decimal("32.123457")


def typed(line: str, samples: dict[str, str], shell: Shell, folder: Path) -> str:
    """Type one line of the page; what it writes is kept where it says."""
    command, _, target = line.partition(" > ")
    words = [samples.get(word, word) for word in shlex.split(command)]
    if words[0] == "python3":
        path = str(ROOT / words[1])
        done = subprocess.run([sys.executable, "-I", path, *words[2:]], capture_output=True, text=True, check=True)
        return done.stdout
    assert words[0] == "./microbatch"
    # The page's month is any month: the batch of this test is of today.
    of_today = {"--since": "2000-01-01", "--until": "2999-01-01", "--month": f"{datetime.now(UTC):%Y-%m}"}
    arguments = [of_today.get(before, word) for before, word in pairwise(words)]
    answer = shell(*arguments)
    assert answer.code == 0, f"{line}: {answer.err}"
    if target:
        (folder / target).write_text(answer.out)
    return answer.out
