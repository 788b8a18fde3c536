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

from sandbox.changenow.market import ETH_TO_USDT
from tests.ops.conftest import Shell
from tests.rig import WALLET_ETH, WALLET_USDT, Rig

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "accounts.md").read_text()
SETTLES_BATCH = './microbatch reconcile --settled BATCH --why "ChangeNow paid again on the 3rd, transaction 0x..."'
SETTLES_EXCHANGE = './microbatch reconcile --settled-exchange EXCHANGE --why "a trial of ours, booked by hand"'


def commands() -> list[str]:
    """The lines of the page's shell blocks, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def test_the_path_leads_to_the_last_digit(
    rig: Rig, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of the page ends as it says, and what they tell of one payment agrees to the last digit."""
    rig.peers.exchange.forget_all()
    rig.clock.now = last_month() + timedelta(days=9, hours=12)
    payments = rig.pay("10.00", "15.00000001", "7.77", age=timedelta(hours=1))
    rig.check()
    batch = rig.batches()[-1]
    rig.pay_out(batch, "32.123457")
    rig.call_back(rig.response(batch, "32.123457"))
    assert shell("threshold", "set", "21.00", "--yes").code == 0  # an act, for the last export
    foreign = paid_for_nobody(rig)
    samples = {"CLIENT": "client", "PAYMENT": str(payments[1]), "BATCH": str(batch["batch_conversion_id"])}
    monkeypatch.chdir(tmp_path)
    told = {}
    for line in commands():
        if line == SETTLES_BATCH:
            rig.peers.exchange.restate(batch["cn_api_id"], Decimal("32.00"))
        told[line] = typed(line, samples | {"EXCHANGE": foreign}, shell, tmp_path)
    assert len(told) == 17
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
    assert f"exchange {foreign}  exchange that no batch knows" in told["./microbatch reconcile"]
    assert shell("reconcile").code == 0  # both are settled
    with (tmp_path / "batches.csv").open(newline="") as lines:
        (row,) = csv.DictReader(lines)
    assert Decimal(row["received_usdt"]) == Decimal("32.123457")


def test_a_month_closed_again_says_what_changed(rig: Rig, shell: Shell) -> None:
    """A payment that is written late, with a time of a month that was closed: the figures of then and of now."""
    rig.clock.now = last_month() + timedelta(days=3)
    rig.pay("10.00")
    month = f"{last_month():%Y-%m}"
    assert shell("close", month, "--yes").code == 0
    rig.pay("2.50")
    again = shell("close", month, "--yes", "--json")
    changed = {row["figure"]: (row["before"], row["now"]) for row in again.document["changes"]}
    assert again.code == 0
    assert changed["came_in_usd"] == ("10.00000000", "12.50000000")


def last_month() -> datetime:
    """The first instant of the month before this one: a month that is over can be closed."""
    return (datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)).replace(
        day=1
    )


def paid_for_nobody(rig: Rig) -> str:
    """The id of an exchange that was made and paid with our key, and that no batch knows."""
    office = rig.peers.exchange
    exchange = office.open_exchange(ETH_TO_USDT, Decimal("0.01"), WALLET_USDT, WALLET_ETH)
    office.deposit(exchange.payin_address, Decimal("0.01"), "0x" + "cd" * 32)
    office.finish(exchange.id)
    return exchange.id


def typed(line: str, samples: dict[str, str], shell: Shell, folder: Path) -> str:
    """Type one line of the page; what it writes is kept where it says."""
    command, _, target = line.partition(" > ")
    words = [samples.get(word, word) for word in shlex.split(command)]
    if words[0] == "python3":
        path = str(ROOT / words[1])
        done = subprocess.run([sys.executable, "-I", path, *words[2:]], capture_output=True, text=True, check=True)
        return done.stdout
    assert words[0] == "./microbatch"
    # The page's month is any month: the batch of this test is of the one before this.
    month = f"{last_month():%Y-%m}"
    of_then = {"--since": "2000-01-01", "--until": "2999-01-01", "--month": month, "close": month}
    arguments = [of_then.get(before, word) for before, word in pairwise(words)]
    asked = ["--yes"] if line in (SETTLES_BATCH, SETTLES_EXCHANGE) else []
    answer = shell(*arguments, *asked)
    assert answer.code == (1 if line == "./microbatch reconcile" else 0), f"{line}: {answer.err}"
    if target:
        (folder / target).write_text(answer.out)
    return answer.out
