"""A client's statement and a month's close add up to the last digit, and tell what changed since."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ops.command_line.moments import Month, MonthName
from tests.ops.account.test_receipts import settle
from tests.ops.conftest import Shell
from tests.rig import Rig

OCTOBER, NOVEMBER = "2026-10", "2026-11"


def at(text: str) -> datetime:
    """An instant, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def batch_of(rig: Rig, when: str, received_usdt: str) -> dict[str, Any]:
    """Open a batch of all that waits, and complete it ten minutes later."""
    rig.clock.now = at(when)
    rig.check(forced=True)
    rig.clock.forward(minutes=10)
    return settle(rig, received_usdt)


@pytest.fixture
def books(rig: Rig) -> Rig:
    """September's payment is completed in October, one of October's in November; another client's is among them."""
    rig.clock.now = at("2026-09-30T23:59")
    rig.pay("12.00")
    rig.clock.now = at("2026-10-01T00:00")
    rig.pay("8.00000001")
    (other,) = rig.pay("10.00")
    rig.sql("UPDATE payout_accumulation SET client_id = 'another' WHERE id = %s", other)
    batch_of(rig, "2026-10-05T12:00", "29.123457")
    rig.clock.now = at("2026-10-31T23:59:59.999999")
    rig.pay("20.00")
    batch_of(rig, "2026-11-01T00:00", "19.50")
    rig.sql(
        "UPDATE payout_accumulation SET is_paid_out = TRUE, paid_out_at = '2026-10-20' WHERE client_id = 'client'"
        " AND created_at < '2026-10-02'"
    )
    return rig


def test_a_statement_moves_from_month_to_month(books: Rig, shell: Shell) -> None:
    """What waits at one month's end waits at the next one's beginning; each instant is in one month."""
    october, november = (
        shell("statement", "client", "--month", month, "--json").document for month in (OCTOBER, NOVEMBER)
    )
    assert (october["opening_payments"], october["opening_usd"]) == (1, "12.00000000")
    assert (october["came_in_payments"], october["came_in_usd"]) == (2, "28.00000001")
    assert (october["completed_payments"], october["completed_usd"]) == (2, "20.00000001")
    assert (october["closing_payments"], october["closing_usd"]) == (1, "20.00000000")
    assert (november["opening_payments"], november["opening_usd"]) == (1, "20.00000000")
    assert (november["completed_usdt"], november["closing_payments"]) == ("19.50000000", 0)
    shares = [Decimal(row["share_usdt"]) for row in october["payments"] if row["share_usdt"]]
    assert sum(shares) == Decimal(october["completed_usdt"]) == Decimal(october["paid_out_usdt"])
    assert (october["owed_payments"], november["owed_usdt"]) == (0, "19.50000000")


def test_a_statement_is_as_of_its_last_instant(books: Rig, shell: Shell) -> None:
    """What November completed is not told in October's, whenever it is asked for."""
    document = shell("statement", "client", "--month", OCTOBER, "--json").document
    late = document["payments"][-1]
    assert (late["came_in_at_utc"], late["amount_usd"]) == ("2026-10-31T23:59:59.999999Z", "20.00000000")
    assert {late[name] for name in ("batch_number", "completed_at_utc", "share_usdt", "tx_hash")} == {None}
    out = shell("statement", "client", "--month", OCTOBER).out
    assert "wait at the end           1 payment  $20.00" in out
    assert "client client, 2026-10" in out


def test_a_payout_is_stated_in_its_own_month(books: Rig, shell: Shell) -> None:
    """What was completed before and is paid out now: owed until then, then listed; the rows make up the sum."""
    december = "2026-12"
    typed = shell("statement", "client", "--month", december)
    assert (typed.code, "not yet paid out          1 payment  19.50000000 USDT" in typed.out) == (0, True)
    books.sql("UPDATE payout_accumulation SET is_paid_out = TRUE, paid_out_at = '2026-12-05' WHERE NOT is_paid_out")
    document = shell("statement", "client", "--month", december, "--json").document
    assert (document["opening_payments"], document["came_in_payments"], document["owed_payments"]) == (0, 0, 0)
    assert (document["paid_out_payments"], document["paid_out_usdt"]) == (1, "19.50000000")
    assert [row["share_usdt"] for row in document["payments"]] == ["19.50000000"]
    assert shell("statement", "client", "--month", "2027-01").code == 1


def test_what_is_paid_out_while_it_waits_is_told_apart(books: Rig, shell: Shell) -> None:
    """GCBatchProcessor pays out what waits: paid out once it is completed, and what is owed moves by just that."""
    books.sql("UPDATE payout_accumulation SET is_paid_out = TRUE, paid_out_at = '2026-10-31' WHERE NOT is_paid_out")
    october, november = (
        shell("statement", "client", "--month", month, "--json").document for month in (OCTOBER, NOVEMBER)
    )
    assert (october["closing_paid_out_payments"], october["closing_paid_out_usd"]) == (1, "20.00000000")
    assert october["paid_out_payments"] == 2
    assert (november["paid_out_payments"], november["paid_out_usdt"]) == (1, "19.50000000")
    owed = Decimal(october["owed_usdt"]) + Decimal(november["completed_usdt"]) - Decimal(november["paid_out_usdt"])
    assert owed == Decimal(november["owed_usdt"])
    assert "of them paid out          1 payment  $20.00" in shell("statement", "client", "--month", OCTOBER).out


def test_a_statement_goes_into_a_spreadsheet(books: Rig, shell: Shell, tmp_path: Path) -> None:
    """Every payment, units in the header, and no text that steers it."""
    books.sql("UPDATE payout_accumulation SET conversion_tx_hash = '=1+1' WHERE conversion_status = 'completed'")
    file = tmp_path / "statement.csv"
    assert shell("statement", "client", "--month", OCTOBER, "--csv", file, "--json").document["rows"] == 3
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["amount_usd"] for row in rows] == ["12.00000000", "8.00000001", "20.00000000"]
    assert rows[0]["tx_hash"] == "'=1+1"
    assert rows[2]["share_usdt"] == ""


def test_nothing_is_stated_of_nobody(books: Rig, shell: Shell, tmp_path: Path) -> None:
    """No such client, a month before all, no month at all."""
    assert shell("statement", "nobody", "--month", OCTOBER).code == 1
    assert "no payment in 2025-01" in shell("statement", "client", "--month", "2025-01").err
    for bad in ("2026-13", "october", "2026-1", "1999-01"):
        assert shell("statement", "client", "--month", bad).code == 2
    assert shell("statement", "client", "--month", "2025-01", "--csv", tmp_path / "none.csv").code == 1
    assert not list(tmp_path.iterdir())


def test_december_ends_with_the_year() -> None:
    """The next month's first instant is the end."""
    assert MonthName().convert("2026-12", None, None) == Month(at("2026-12-01"), at("2027-01-01"))


def test_payments_that_no_month_can_hold_are_counted_apart(books: Rig, shell: Shell) -> None:
    """Without dollars, or completed nobody knows when: in no sum, and not silently."""
    for status, dollars in (("pending", None), ("completed", "5.00")):
        (payment,) = books.pay("5.00")
        books.sql("SET session_replication_role = replica")
        books.sql(
            "UPDATE payout_accumulation SET conversion_status = %s, accumulated_eth = CAST(%s AS numeric)"
            " WHERE id = %s",
            status,
            dollars,
            payment,
        )
        books.sql("RESET session_replication_role")
    document = shell("statement", "client", "--month", NOVEMBER, "--json").document
    assert (document["unaccounted_payments"], document["came_in_payments"]) == (2, 0)
    assert "2 payments beside them" in shell("statement", "client", "--month", NOVEMBER).out


def test_a_month_is_closed_once_it_is_over(books: Rig, shell: Shell) -> None:
    """Sums of all clients, what is open now, a digest; kept under the name of who closed it, once agreed to."""
    assert shell("close", OCTOBER).code == 1
    assert not books.sql("SELECT 1 FROM month_closes")
    typed = shell("close", OCTOBER, "--yes", "--by", "ann", "--json")
    assert typed.code == 0
    document, sums = typed.document, typed.document["sums"]
    assert (sums["opening_usd"], sums["came_in_usd"]) == ("12.00000000", "38.00000001")
    assert (sums["completed_usd"], sums["closing_usd"]) == ("30.00000001", "20.00000000")
    assert sums["completed_usdt"] == sums["received_usdt"] == "29.12345700"
    assert (sums["batches_opened"], sums["batches_completed"]) == (1, 1)
    assert document["open"] == {"payments": 0, "usd": "0", "batches_in_flight": 0, "amounts_refused": 0}
    assert (document["closed_before"], document["changes"]) == (None, [])
    (kept,) = books.sql("SELECT month, by_whom, digest FROM month_closes")
    assert (str(kept["month"]), kept["by_whom"], kept["digest"]) == ("2026-10-01", "ann", document["digest"])
    assert len(books.sql("SELECT 1 FROM operator_acts WHERE act = 'close'")) == 1
    assert len(books.sql("SELECT 1 FROM batch_events WHERE event = 'batch.digest'")) == 1
    future = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m}"
    assert "is not over" in shell("close", future, "--yes").err


def test_a_second_close_says_what_changed_since(books: Rig, shell: Shell) -> None:
    """Nothing: nothing is added. A payment that came in late, by its time: the figures before and now."""
    first = shell("close", OCTOBER, "--yes", "--json").document
    again = shell("close", OCTOBER, "--json")
    assert (again.code, again.document["closed_at"]) == (0, None)
    assert again.document["digest"] == again.document["closed_before"]["digest"] == first["digest"]
    assert "nothing has changed since" in shell("close", OCTOBER).out
    books.pay("3.00", age=books.clock() - at("2026-10-15"))
    told = shell("close", OCTOBER, "--yes", "--json").document
    changed = {one["figure"]: (one["before"], one["now"]) for one in told["changes"]}
    assert changed == {
        "came_in_payments": (3, 4),
        "came_in_usd": ("38.00000001", "41.00000001"),
        "closing_payments": (1, 2),
        "closing_usd": ("20.00000000", "23.00000000"),
    }
    assert told["open"]["payments"] == 1
    assert len(books.sql("SELECT 1 FROM month_closes")) == 2
    assert shell("close", OCTOBER, "--yes", "--json").document["changes"] == []


def test_a_cent_that_was_moved_is_found(books: Rig, shell: Shell) -> None:
    """Two shares of a batch changed against one another: no sum tells, the digest does."""
    shell("close", OCTOBER, "--yes")
    books.sql("SET session_replication_role = replica")
    books.sql(
        "UPDATE payout_accumulation SET accumulated_amount_usdt = accumulated_amount_usdt"
        " + CASE client_id WHEN 'another' THEN 0.01 ELSE -0.01 END"
        " WHERE created_at = '2026-10-01' AND conversion_status = 'completed'"
    )
    books.sql("RESET session_replication_role")
    typed = shell("close", OCTOBER, "--yes", "--json")
    assert typed.code == 1
    (batch,) = (row for row in books.batches() if row["actual_usdt_received"] == Decimal("29.123457"))
    assert typed.document["batches_changed"] == [str(batch["batch_conversion_id"])]
    assert {one["figure"] for one in typed.document["changes"]} == {"paid_out_usdt", "owed_usdt"}
    assert typed.document["digest"] != typed.document["closed_before"]["digest"]


def test_closes_stay_as_they_are(books: Rig, shell: Shell) -> None:
    """Whoever would change the record of a close is refused by the database."""
    shell("close", OCTOBER, "--yes")
    for statement in ("UPDATE month_closes SET digest = 'x'", "DELETE FROM month_closes"):
        with pytest.raises(Exception, match="append-only"):
            books.sql(statement)
