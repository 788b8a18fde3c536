"""A threshold recommended from what came in."""

import csv
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ops.advice.frequency import calculate_optimal_threshold
from tests.ops.conftest import Shell
from tests.rig import Rig


@pytest.mark.parametrize(
    ("daily", "size", "hours", "expected"),
    [
        ("500", "5", 6, "120"),  # 125 lies between two steps: the even one
        ("500", "5", 12, "250"),
        ("500", "5", 24, "500"),
        ("1", "0.10", 6, "10"),
        ("100", "90.01", 6, "100"),
    ],
)
def test_the_documents_rule(daily: str, size: str, hours: int, expected: str) -> None:
    """Volume over batches a day, to the nearest $10, and never what one payment reaches."""
    assert calculate_optimal_threshold(Decimal(daily), Decimal(size), hours) == Decimal(expected)


def test_the_recommendation_is_made_from_the_payments(rig: Rig, shell: Shell) -> None:
    """Old payments and odd rows do not count; today's levers are those of the newest check."""
    assert shell("threshold", "recommend").code == 1
    rig.set_policy('{"max_age_hours": 12}')
    rig.set_threshold("33.00")
    rig.check()
    for hour in range(200):
        rig.pay("5.00", age=timedelta(hours=hour))
    rig.pay("NaN", "-7", "1.00")
    rig.pay("9000.00", age=timedelta(days=40))
    typed = shell("threshold", "recommend", "--days", 10, "--json")
    assert typed.code == 0
    advice = typed.document
    assert advice["payments"] == 201
    assert (advice["today"]["threshold_usd"], advice["today"]["max_age_hours"]) == ("33.00000000", "12")
    assert advice["by_frequency"] == {"hours": 6, "threshold_usd": "30"}
    assert advice["saving_interval_usd_a_day"] is None
    assert Decimal(advice["recommended"]["cost_usd_a_day"]) <= Decimal(advice["today"]["cost_usd_a_day"])


def test_what_is_recommended_is_set_once_agreed_to(rig: Rig, shell: Shell) -> None:
    """Both levers, after the figures; without a yes nothing; the rules beside the longest age stay."""
    rig.set_policy('{"max_payments": 500}')
    rig.check()
    for hour in range(100):
        rig.pay("5.00", age=timedelta(hours=hour))
    refused = shell("threshold", "recommend", "--apply")
    assert refused.code == 1
    assert "Cheapest" in refused.err
    typed = shell("threshold", "recommend", "--apply", "--yes", "--by", "ann", "--json")
    assert typed.code == 0
    best = typed.document["recommended"]
    assert shell("threshold", "show", "--json").document["set"] == best["threshold_usd"]
    policy = json.loads(shell("policy", "show", "--json").document["set"])
    assert policy.pop("max_payments") == 500
    assert policy == {name: best[name] for name in ("max_age_hours", "cost_ratio") if best[name] is not None}
    assert {row["by_whom"] for row in rig.sql("SELECT by_whom FROM operator_acts")} == {"ann"}


def test_a_file_is_replayed_without_a_database(tmp_path: Path, bare_shell: Shell) -> None:
    """Somebody who has not installed anything yet can try it; the answer is one that can be typed."""
    file = tmp_path / "payments.csv"
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with file.open("w", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["created_at", "amount_usd"])
        rows.writerows([(start + timedelta(hours=hour)).isoformat(), "5.00"] for hour in range(3000))
    typed = bare_shell("threshold", "recommend", "--csv", file, "--longest-wait", 30)
    assert typed.code == 0
    assert "3000 payments in 125 days" in typed.out
    assert "  ./microbatch threshold set " in typed.out
    assert bare_shell("threshold", "recommend", "--csv", file, "--waiting-cost", 0).code == 2


def test_what_cannot_be_weighed_is_said(tmp_path: Path, bare_shell: Shell) -> None:
    """Costs that nobody pays, a wait that outlasts the calendar, payments of one instant, a minimum above them all."""
    for option, amount in (("--swap-cost", "1e300"), ("--waiting-cost", "1e-300"), ("--longest-wait", "9" * 30)):
        assert bare_shell("threshold", "recommend", option, amount).code == 2
    same, apart = tmp_path / "same.csv", tmp_path / "apart.csv"
    same.write_text("created_at,amount_usd\n" + "2026-01-01T00:00:00Z,5\n" * 60)
    apart.write_text("created_at,amount_usd\n" + "".join(f"2026-01-01T00:{minute:02}:00Z,5\n" for minute in range(60)))
    assert "at one instant" in bare_shell("threshold", "recommend", "--csv", same).err
    assert "the minimum is too high" in bare_shell("threshold", "recommend", "--csv", apart, "--minimum", 1000).err


def test_a_bad_question_is_refused(bare_shell: Shell) -> None:
    """A swap that costs less than nothing, or no settings: one clear line."""
    assert bare_shell("threshold", "recommend", "--swap-cost", "-1").code == 2
    assert bare_shell("threshold", "recommend", "--hours", 0).code == 2
    typed = bare_shell("threshold", "recommend")
    assert typed.code == 1
    assert "DATABASE_URL" in typed.err
