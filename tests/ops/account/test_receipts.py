"""A true receipt verifies offline and alone; one with anything changed does not."""

import json
import random
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ops.books import verify as standalone
from ops.books.verify import NotTrueError, verify, written
from shared.model.money import distribute_usdt_proportionally
from tests.ops.conftest import Shell
from tests.rig import Rig

CHANGES = 10_000


def settle(rig: Rig, received_usdt: str) -> dict[str, Any]:
    """Bring the newest batch to its end."""
    batch = rig.batches()[-1]
    rig.pay_out(batch, received_usdt)
    rig.call_back(rig.response(batch, received_usdt))
    return rig.batches()[-1]


def receipt_of(shell: Shell, payment: int) -> str:
    """A payment's receipt as it is given to a client."""
    typed = shell("receipt", payment, "--json")
    assert typed.code == 0, typed.err
    return typed.out


def alone(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Check a receipt as a client does: one file, copied away, with nothing of ours beside it."""
    (folder / "verify.py").write_bytes(Path(str(standalone.__file__)).read_bytes())
    (folder / "receipt.json").write_text(text)
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder / "receipt.json")]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.fixture
def settled(rig: Rig) -> list[int]:
    """Payments of odd amounts, completed in one batch with units left over."""
    payments = rig.pay("10.00", "15.00000001", "7.77777777", "0.00000003", "3.33333333", age=timedelta(hours=1))
    rig.check()
    settle(rig, "35.654321")
    return payments


def test_every_receipt_verifies_alone(settled: list[int], shell: Shell, tmp_path: Path) -> None:
    """Standard library, no network, no database, in isolation."""
    for payment in settled:
        done = alone(tmp_path, receipt_of(shell, payment))
        assert (done.returncode, done.stderr) == (0, "")
        assert "all of it holds" in done.stdout
        assert shell("verify", tmp_path / "receipt.json").code == 0


def test_the_receipts_of_a_batch_are_one_account(settled: list[int], rig: Rig, shell: Shell) -> None:
    """One digest, ranks from one up, shares as the readable rule has them, and together what arrived."""
    receipts = [verify(receipt_of(shell, payment)) for payment in settled]
    assert len({receipt["digest"] for receipt in receipts}) == 1
    assert sorted(receipt["payment"]["rank"] for receipt in receipts) == [1, 2, 3, 4, 5]
    shares = {receipt["payment"]["id"]: Decimal(receipt["payment"]["usdt_share"]) for receipt in receipts}
    assert sum(shares.values()) == Decimal("35.654321")
    rule = distribute_usdt_proportionally(rig.payments(), Decimal("35.654321"))
    assert shares == {row["id"]: row["usdt_share"] for row in rule}
    more = [receipt for receipt in receipts if receipt["arithmetic"]["units"] != receipt["arithmetic"]["floor"]]
    assert len(more) == receipts[0]["batch"]["units_left_over"] > 0


def test_no_changed_character_is_accepted(settled: list[int], shell: Shell) -> None:
    """Ten thousand single changes, of digits above all: none is taken for true."""
    texts = [receipt_of(shell, payment) for payment in settled]
    chance = random.Random(17)
    for _ in range(CHANGES):
        text = chance.choice(texts)
        digits = [place for place, mark in enumerate(text) if mark.isdigit()]
        place = chance.choice(digits) if chance.random() < 0.7 else chance.randrange(len(text))
        mark = chance.choice([one for one in '0123456789abcdefABCDEF"{}[]:, \n.-' if one != text[place]])
        with pytest.raises(NotTrueError):
            verify(text[:place] + mark + text[place + 1 :])


def test_a_forged_share_is_not_in_the_tree(settled: list[int], shell: Shell) -> None:
    """A receipt whose own arithmetic was made to fit another amount is refused by the path."""
    receipt = verify(receipt_of(shell, settled[0]))
    receipt["payment"]["amount_usd"] = "11.00000000"
    receipt["arithmetic"] = standalone.arithmetic(receipt["payment"], receipt["batch"])
    units = int(receipt["arithmetic"]["units"])
    receipt["payment"]["usdt_share"] = f"{units // 10**8}.{units % 10**8:08d}"
    with pytest.raises(NotTrueError, match="not in the batch's tree"):
        verify(written(receipt))


def test_a_failed_batch_is_told(rig: Rig, shell: Shell) -> None:
    """A payment that was in a batch before shows both, and the proof covers it."""
    (payment, other) = rig.pay("20.00", "5.00")
    rig.check()
    failed = rig.batches()[-1]
    rig.peers.exchange.expire(failed["cn_api_id"])
    rig.clock.forward(minutes=40)
    rig.check()
    completed = settle(rig, "24.50")
    receipt = verify(receipt_of(shell, payment))
    assert receipt["payment"]["earlier_batches"] == [str(failed["batch_conversion_id"])]
    assert receipt["batch"]["batch_conversion_id"] == str(completed["batch_conversion_id"])
    assert verify(receipt_of(shell, other))["digest"] == receipt["digest"]


def test_the_digest_is_stored_once_and_published(settled: list[int], rig: Rig, shell: Shell) -> None:
    """The verb makes what is missing; the event tells it; a second time nothing is added."""
    batch = rig.batches()[-1]
    typed = shell("digest", "--json")
    digest = typed.document["digests"][0]["digest"]
    assert shell("digest", "--json").document == {"digests": []}
    assert shell("digest", f"#{batch['id']}", "--json").document["digests"][0]["digest"] == digest
    assert verify(receipt_of(shell, settled[0]))["digest"] == digest
    (event,) = rig.sql("SELECT data FROM batch_events WHERE event = 'batch.digest'")
    assert json.loads(event["data"])["digest"] == digest


def test_what_was_changed_since_is_refused(settled: list[int], rig: Rig, shell: Shell) -> None:
    """Whoever sets the database's rules aside and moves a cent is found by the stored digest."""
    assert shell("digest").code == 0
    rig.sql("SET session_replication_role = replica")
    rig.sql(
        "UPDATE payout_accumulation SET accumulated_amount_usdt = accumulated_amount_usdt + 0.01 WHERE id = %s",
        settled[0],
    )
    rig.sql("RESET session_replication_role")
    typed = shell("receipt", settled[1])
    assert typed.code == 1
    assert "no longer gives its digest" in typed.err


def test_there_is_no_receipt_before_the_end(rig: Rig, shell: Shell) -> None:
    """Pending, in a batch, or not there at all: said in words."""
    (payment,) = rig.pay("10.00")
    assert "is pending" in shell("receipt", payment).err
    rig.pay("15.00")
    rig.check()
    typed = shell("receipt", payment)
    assert (typed.code, "is swapping" in typed.err) == (1, True)
    assert shell("digest", f"#{rig.batches()[-1]['id']}").code == 1
    assert "no payment 999" in shell("receipt", 999).err


def test_a_batch_of_the_service_before_has_no_receipt(settled: list[int], rig: Rig, shell: Shell) -> None:
    """It was split by another rule, and its payments may have no weight: said in words."""
    rig.sql("SET session_replication_role = replica")
    rig.sql("UPDATE batch_conversions SET settled_by = NULL, opened_because = NULL")
    rig.sql("UPDATE payout_accumulation SET accumulated_eth = NULL")
    rig.sql("RESET session_replication_role")
    typed = shell("receipt", settled[0])
    assert (typed.code, "was not settled by us" in typed.err) == (1, True)
    assert shell("digest", "--json").document == {"digests": []}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", "7", '{"kind": 1}', "[" * 100_000, '"' + "x" * 10_000], ids=range(8)
)
def test_nonsense_is_not_true(text: str) -> None:
    """Whatever it is, it is refused in words."""
    with pytest.raises(NotTrueError):
        verify(text)
