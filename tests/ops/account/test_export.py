"""Exports hold what the lists show, in a form that a spreadsheet takes for what it is."""

import csv
import json
import os
import tracemalloc
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ops.command_line.answers import rfc3339
from sandbox.wire.tcp_proxy import TcpProxy
from tests.ops.conftest import Shell
from tests.rig import Rig


@pytest.fixture
def accounts(rig: Rig) -> Rig:
    """A completed batch of an hour ago, and payments that wait."""
    rig.pay("12.00", "10.50", age=timedelta(hours=1))
    rig.check()
    batch = rig.batches()[-1]
    rig.pay_out(batch, "22.000001")
    rig.call_back(rig.response(batch, "22.000001"))
    rig.pay("3.25")
    return rig


def lines(file: Path) -> list[dict[str, str]]:
    """A CSV file's rows."""
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def test_payments_with_what_became_of_them(accounts: Rig, shell: Shell, tmp_path: Path) -> None:
    """One row each, units in the header, shares that sum to what was received, nothing with an exponent."""
    file = tmp_path / "payments.csv"
    typed = shell("export", "payments", file, "--json")
    assert typed.document == {"file": str(file), "kind": "payments", "rows": 3}
    rows = lines(file)
    assert [row["status"] for row in rows] == ["completed", "completed", "pending"]
    assert sum(Decimal(row["share_usdt"]) for row in rows[:2]) == Decimal("22.000001")
    assert (rows[2]["share_usdt"], rows[2]["batch_number"], rows[2]["amount_usd"]) == ("", "", "3.25000000")
    assert rows[0]["created_at_utc"].endswith("Z")
    assert not list(tmp_path.glob("*.part"))


def test_times_are_written_as_everywhere(accounts: Rig, shell: Shell, tmp_path: Path) -> None:
    """By the server, as RFC 3339 has them: to the microsecond where there is one, and a time that is none as it is."""
    second = datetime(2026, 11, 24, 9, 30, 7)  # noqa: DTZ001 - the column has no zone
    times = (second, second.replace(microsecond=120_000), "infinity")
    for payment, time in zip(accounts.payments(), times, strict=True):
        accounts.sql("UPDATE payout_accumulation SET paid_out_at = %s WHERE id = %s", time, payment["id"])
    assert shell("export", "payments", tmp_path / "p.csv").code == 0
    rows = lines(tmp_path / "p.csv")
    assert [row["created_at_utc"] for row in rows] == [
        rfc3339(payment["created_at"].replace(tzinfo=UTC)) for payment in accounts.payments()
    ]
    assert [row["paid_out_at_utc"] for row in rows] == [
        "2026-11-24T09:30:07Z",
        "2026-11-24T09:30:07.120000Z",
        "infinity",
    ]


def test_batches_and_acts(accounts: Rig, shell: Shell, tmp_path: Path) -> None:
    """The same batches as the list, the acts as they are on record."""
    assert shell("export", "batches", tmp_path / "b.jsonl", "--format", "jsonl").code == 0
    (exported,) = (json.loads(line) for line in (tmp_path / "b.jsonl").read_text().splitlines())
    (listed,) = shell("batches", "--json").document["batches"]
    assert exported["batch_conversion_id"] == listed["batch_conversion_id"]
    assert exported["received_usdt"] == listed["received_usdt"] == "22.00000100"
    accounts.sql("INSERT INTO operator_acts (act, by_whom, why) VALUES ('accept', 'ann', '=HYPERLINK(\"http://x\")')")
    assert shell("export", "acts", tmp_path / "a.csv").code == 0
    (act,) = lines(tmp_path / "a.csv")
    assert (act["by_whom"], act["why"]) == ("ann", '\'=HYPERLINK("http://x")')
    assert shell("export", "acts", tmp_path / "a.csv", "--client", "x").code == 2


def test_a_row_is_a_line_whatever_a_client_is_called(accounts: Rig, shell: Shell, tmp_path: Path) -> None:
    """A line break in a name is written as an escape in a spreadsheet's file, and kept in the other."""
    name = "anna\nbert\u2028\r"
    accounts.sql("UPDATE payout_accumulation SET client_id = %s WHERE conversion_status = 'pending'", name)
    assert shell("export", "payments", tmp_path / "p.csv").code == 0
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 4
    assert lines(tmp_path / "p.csv")[2]["client_id"] == "anna\\nbert\\u2028\\r"
    assert shell("export", "payments", tmp_path / "p.jsonl", "--format", "jsonl").code == 0
    exported = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().split("\n") if line]
    assert exported[2]["client_id"] == name


def test_the_filters_choose(accounts: Rig, shell: Shell, tmp_path: Path) -> None:
    """By state, by time, by client; where nothing is left, nothing is written."""
    file = tmp_path / "chosen.csv"
    since = (accounts.clock() - timedelta(minutes=5)).isoformat()
    for options, count in (
        (["--status", "completed"], 2),
        (["--since", since], 1),
        (["--until", since], 2),
        (["--client", "client"], 3),
    ):
        assert shell("export", "payments", file, *options, "--json").document["rows"] == count
    assert shell("export", "batches", file, "--client", "client", "--json").document["rows"] == 1
    assert shell("export", "payments", tmp_path / "none.csv", "--client", "nobody").code == 1
    assert shell("export", "payments", file, "--client", "nobody").code == 1
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_size > 0


def test_a_cut_connection_leaves_what_was_there(
    accounts: Rig, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away between the rows: try again, and the file of before is as it was."""
    file = tmp_path / "payments.csv"
    file.write_text("the export of yesterday")
    port = urlsplit(accounts.url).port
    assert port
    with TcpProxy(lambda: port) as proxy:
        monkeypatch.setenv("DATABASE_URL", accounts.url.replace(f":{port}/", f":{proxy.port}/"))
        proxy.cut_when(b"FETCH", passes=1)  # the first rows have been written, the next never come
        typed = shell("export", "payments", file)
    assert typed.code == 3
    assert [path.name for path in tmp_path.iterdir()] == ["payments.csv"]
    assert file.read_text() == "the export of yesterday"


def test_memory_stays_flat(rig: Rig, shell: Shell, tmp_path: Path) -> None:
    """Three times the payments pass through in the memory of one handful."""
    rig.pay("1.00")
    columns = "client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp, accumulated_eth"
    more = "client_wallet_address, client_payout_currency, client_payout_network"
    many = f"INSERT INTO payout_accumulation ({columns}, {more}) SELECT {columns}, {more} FROM payout_accumulation"
    rig.sql(f"{many}, generate_series(1, 5999)")
    assert shell("export", "payments", tmp_path / "warm.csv").code == 0
    peaks = []
    for rows in (6_000, 18_000):
        tracemalloc.start()
        assert shell("export", "payments", tmp_path / "many.csv", "--json").document["rows"] == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        rig.sql(f"{many}, generate_series(1, 2)")
    assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.parametrize("verb", [("export", "payments"), ("report", "--overwrite", "--output")], ids=" ".join)
def test_what_is_no_file_is_not_replaced(verb: tuple[str, ...], accounts: Rig, shell: Shell, tmp_path: Path) -> None:
    """A pipe, a device, a link such as /dev/stdout: they would be gone."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(tmp_path / "file")
    (tmp_path / "file").touch()
    for there in (pipe, link):
        typed = shell(*verb, there)
        assert (typed.code, "name a file" in typed.err) == (1, True)
    assert pipe.is_fifo()
    assert link.is_symlink()
