"""The cut-over: what waited before us is nobody's until an operator has decided, and can be adopted later."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ops.command_line.root import main
from sandbox.postgres.session import query
from tests.neighbours import statements
from tests.rig import Rig

WAITING_USD = "SELECT COUNT(*), SUM(amount_usd) FROM claimable_payments"


@pytest.fixture(autouse=True)
def _settings(moved_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", moved_url)


def cut_over(*arguments: str) -> int:
    """`cut-over`, as typed; nobody is at the terminal."""
    return main(["cut-over", *arguments])


def test_nothing_is_claimed_before_it(moved_rig: Rig, moved_url: str) -> None:
    """Neither old payments nor new ones, forced or not; all of them are counted as such."""
    query(moved_url, statements.OCTOBER_INSERT.replace("9.7", "9.99").replace(", 10, ", ", 1000, "))
    before = str(moved_rig.payments())  # NaN is equal to nothing, not to itself
    moved_rig.check()
    moved_rig.check(forced=True)
    assert str(moved_rig.payments()) == before
    assert len(moved_rig.batches()) == 9
    reasons = query(moved_url, "SELECT reason, COUNT(*) FROM unclaimable_payments GROUP BY 1 ORDER BY 1")
    assert reasons == [("before_cut_over", 14), ("no_dollars", 1), ("no_time", 1)]


def test_the_bare_command_only_shows(moved_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What waits by status and age, the old batches in flight, how to decide."""
    assert cut_over() == 0
    told = capsys.readouterr().out
    assert told.startswith("Not decided: nothing is claimed")
    for row in ("pending", "a week or more", "processing", "exchange-4", "--none", "Within the last hour nobody else"):
        assert row in told
    assert query(moved_url, "SELECT COUNT(*) FROM cut_over_decisions") == [(0,)]


def test_it_is_not_decided_by_a_script_that_did_not_mean_it(moved_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --yes and without a terminal nothing is changed."""
    assert cut_over("--all") == 1
    assert "add --yes" in capsys.readouterr().err
    assert query(moved_url, "SELECT COUNT(*) FROM cut_over_decisions") == [(0,)]
    assert cut_over("--all", "--none") == 2


def test_a_slip_in_the_year_is_refused(moved_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Until then nothing would be claimed, and nobody called."""
    assert cut_over("--from", "2099-01-01", "--yes") == 1
    assert "is ahead" in capsys.readouterr().err


def test_from_now_on(moved_rig: Rig, moved_url: str) -> None:
    """--none: what waited stays apart, a payment inserted as deployed is claimed with its dollars."""
    assert cut_over("--none", "--yes", "--by", "ada", "--why", "drained") == 0
    payments = [query(moved_url, statements.OCTOBER_INSERT)[0][0] for _ in range(3)]
    moved_rig.clock.forward(seconds=1)
    outcome = moved_rig.check()
    (batch,) = [row for row in moved_rig.batches() if row["batch_conversion_id"] in outcome.opened]
    assert batch["total_eth_usd"] == Decimal("29.1")
    claimed = query(moved_url, f"SELECT id FROM payout_accumulation WHERE batch_conversion_id = '{outcome.opened[0]}'")
    assert [row[0] for row in claimed] == payments
    decisions = query(moved_url, "SELECT decided_by, why FROM cut_over_decisions")
    acts = query(moved_url, "SELECT act, by_whom, why FROM operator_acts")
    assert (decisions, acts) == ([("ada", "drained")], [("cut-over", "ada", "drained")])


def test_older_payments_are_adopted_later(moved_url: str) -> None:
    """The newest decision holds; what no decision makes right stays apart."""
    assert cut_over("--none", "--yes") == 0
    assert query(moved_url, WAITING_USD)[0][0] == 0
    assert cut_over("--from", "2026-10-20T00:00Z", "--yes") == 0
    assert query(moved_url, "SELECT id FROM claimable_payments") == [(3,)]
    assert cut_over("--all", "--yes") == 0
    reasons = dict(query(moved_url, "SELECT id, reason FROM unclaimable_payments"))
    assert reasons == {
        4: "unknown_status",
        5: "unknown_status",
        7: "swapping_without_batch",
        8: "pending_in_batch",
        13: "no_dollars",
        14: "dollars_above_payment",
        15: "already_paid_out",
        16: "no_time",
        17: "no_time",
        18: "no_time",
        23: "swapping_without_live_batch",
        24: "swapping_without_live_batch",
        25: "no_dollars",
        26: "no_dollars",
    }


def test_others_at_work_are_warned_of(moved_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A payment converted by itself or a batch of the old service within the hour."""
    query(moved_url, statements.finalize(3))
    query(moved_url, statements.OLD_BATCH_INSERT)
    assert cut_over() == 0
    assert "others have changed 1 payment and 1 batch within the last hour" in capsys.readouterr().out


def test_nothing_to_decide_where_nothing_waits(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty database has no instant set, and whatever comes is ours."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    query(database_url, statements.DOCUMENT_INSERT)
    assert query(database_url, WAITING_USD)[0][0] == 1
    assert cut_over() == 0
    assert capsys.readouterr().out.startswith("Whatever waits is ours: nothing did when this was installed.")


def test_a_decision_is_not_taken_back(moved_url: str) -> None:
    """What was decided stays on record."""
    assert cut_over("--all", "--yes") == 0
    for sql in ("DELETE FROM cut_over_decisions", "UPDATE cut_over_decisions SET ours_from = 'infinity'"):
        with pytest.raises(Exception, match="append-only"):
            query(moved_url, sql)


def test_none_of_what_waits_is_ours_to_the_last_moment(moved_rig: Rig, moved_url: str) -> None:
    """A payment of this very second, which another flow may be converting, stays apart."""
    query(moved_url, statements.OCTOBER_INSERT)
    assert cut_over("--none", "--yes") == 0
    assert query(moved_url, WAITING_USD)[0][0] == 0


def test_none_is_refused_where_payments_are_dated_ahead(moved_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Written in Tokyo's time and read as UTC, what waits would be ours by its hour: a person says from when on."""
    query(moved_url, statements.OCTOBER_INSERT)
    query(moved_url, "UPDATE payout_accumulation SET created_at = created_at + INTERVAL '9 hours' WHERE id > 100")
    assert cut_over("--none", "--yes") == 1
    assert "1 payment of those that wait carry a time ahead of now" in capsys.readouterr().err
    assert query(moved_url, WAITING_USD)[0][0] == 0
    assert cut_over("--from", (datetime.now(UTC) + timedelta(hours=10)).isoformat(), "--yes") == 0
    assert query(moved_url, WAITING_USD)[0][0] == 0
