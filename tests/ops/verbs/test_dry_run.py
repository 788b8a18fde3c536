"""`trigger --dry-run`: decided as a check would, with the quote, and nothing written."""

from decimal import Decimal

import pytest

from sandbox.wire.faults import status
from tests.ops.conftest import Shell
from tests.rig import Rig

TABLES = ("payout_accumulation", "batch_conversions", "threshold_checks", "batch_events", "operator_acts")


def written(rig: Rig) -> list[int]:
    """How many rows each table holds."""
    return [rig.sql(f"SELECT COUNT(*) AS count FROM {table}")[0]["count"] for table in TABLES]


def test_what_it_says_is_what_the_check_does(rig: Rig, shell: Shell) -> None:
    """Below the threshold it waits; forced, or above it, it opens with that very quote; nothing is written before."""
    rig.pay("12.00")
    before = written(rig)
    typed = shell("trigger", "--dry-run", "--json")
    assert (typed.code, typed.document["reason"], typed.document["would_open"]) == (0, "below_threshold", False)
    assert shell("trigger", "--dry-run", "--force", "--json").document["reason"] == "forced"
    rig.pay("13.00")
    before[0] += 1
    forecast = shell("trigger", "--dry-run", "--json").document
    assert forecast["would_open"] is True
    assert written(rig) == before
    text = shell("trigger", "--dry-run").out
    assert "would open a batch (threshold_reached)" in text
    assert "ETH for 2 payments of $25.00" in text
    rig.check()
    (batch,) = rig.batches()
    assert Decimal(forecast["quote"]["amount_eth"]) == batch["amount_eth"]
    assert Decimal(forecast["quote"]["estimated_usdt"]) == batch["quoted_usdt"]
    assert rig.checks()[-1]["reason"] == forecast["reason"]


def test_why_it_would_not_open(rig: Rig, shell: Shell) -> None:
    """A pause, a quote that is refused, a ChangeNow that is away: the check's own reasons, and exit code 0."""
    rig.pay("30.00")
    rig.set_policy('{"paused": true}')
    assert shell("trigger", "--dry-run", "--json").document["reason"] == "paused"
    rig.set_policy('{"quote_deviation_pct": 0.1}')
    assert shell("trigger", "--dry-run", "--json").document["reason"] == "quote_refused"
    rig.peers.exchange.faults.add("GET /exchange/range", status(500), times=None)
    typed = shell("trigger", "--dry-run", "--json")
    assert (typed.code, typed.document["reason"]) == (0, "exchange_unavailable")
    assert written(rig)[1:] == [0, 0, 0, 0]


def test_settings_are_wanted(rig: Rig, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """It decides as the function does, so it needs what the function needs; each missing one is named."""
    monkeypatch.delenv("CHANGENOW_API_KEY")
    monkeypatch.delenv("GCHOSTPAY1_URL")
    typed = shell("trigger", "--dry-run")
    assert (typed.code, len(typed.err.splitlines())) == (1, 1)
    assert "CHANGENOW_API_KEY" in typed.err
    assert "GCHOSTPAY1_URL" in typed.err
