"""A threshold suggested from what came in."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ops import threshold
from ops.threshold import calculate_optimal_threshold
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


def test_the_suggestion_is_made_from_the_payments(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Old payments and odd rows do not count; an empty table says so."""
    monkeypatch.setenv("DATABASE_URL", rig.url)
    assert threshold.main([]) == 1
    rig.pay(*["40.00"] * 30, "NaN", "-7")
    rig.pay("9000.00", age=timedelta(days=40))
    assert threshold.main(["--hours", "12", "--days", "10"]) == 0
    assert "threshold of $60.00" in capsys.readouterr().out


def test_a_bad_question_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Zero hours, or no settings: one clear line."""
    with pytest.raises(SystemExit):
        threshold.main(["--hours", "0"])
    assert threshold.main([]) == 1
    assert "DATABASE_URL" in capsys.readouterr().err
