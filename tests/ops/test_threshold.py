"""A threshold suggested from what came in."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ops.verbs.steer.threshold import calculate_optimal_threshold
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
    """Old payments and odd rows do not count; an empty table says so."""
    assert shell("threshold", "recommend").code == 1
    rig.pay(*["40.00"] * 30, "NaN", "-7")
    rig.pay("9000.00", age=timedelta(days=40))
    typed = shell("threshold", "recommend", "--hours", 12, "--days", 10)
    assert typed.code == 0
    assert "threshold of $60.00" in typed.out
    typed = shell("threshold", "recommend", "--hours", 12, "--days", 10, "--json")
    assert typed.document == {
        "days": 10,
        "hours": 12,
        "payments": 30,
        "volume_usd": "1200.00000000",
        "threshold_usd": "60",
    }


def test_a_bad_question_is_refused(bare_shell: Shell) -> None:
    """Zero hours, or no settings: one clear line."""
    assert bare_shell("threshold", "recommend", "--hours", 0).code == 2
    typed = bare_shell("threshold", "recommend")
    assert typed.code == 1
    assert "DATABASE_URL" in typed.err
