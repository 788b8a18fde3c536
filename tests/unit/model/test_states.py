"""What an exchange's state and a batch's row say of themselves."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from shared.model.batch import Batch
from shared.model.exchange import Estimate, ExchangeState, Phase

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NOTHING = ExchangeState("id", "waiting", Phase.WAITING, None, None, None, None)
SAID = {
    Phase.PREPARING: {"is_unpaid", "is_preparing"},
    Phase.WAITING: {"is_unpaid", "is_waiting"},
    Phase.UNDER_WAY: set[str](),
    Phase.FINISHED: {"is_finished"},
    Phase.FAILED: {"is_lost"},
    Phase.REFUNDED: {"is_lost", "is_refunded", "has_deposit"},
}
ASKED = {"is_unpaid", "is_waiting", "is_preparing", "has_deposit", "is_lost", "is_refunded", "is_finished"}


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_says_what_it_is(phase: Phase) -> None:
    """All that can be asked, and no more of it true than listed."""
    state = NOTHING._replace(phase=phase)
    assert {name for name in ASKED if getattr(state, name)} == SAID[phase]


@pytest.mark.parametrize("seen", [{"deposit_eth": Decimal(1)}, {"payin_hash": "0xab"}])
def test_a_deposit_shows_in_its_amount_or_its_transaction(seen: dict[str, Any]) -> None:
    """Either is enough, whatever the phase."""
    assert NOTHING._replace(**seen).has_deposit
    assert NOTHING._replace(**seen).deposit == {"deposit_eth": None, "payin_hash": None} | seen


def test_what_is_not_told_is_not_known() -> None:
    """Fees, hashes, the payout's address: None, and no empty word."""
    estimate = Estimate(Decimal(1), Decimal(3000))
    assert (estimate.deposit_fee, estimate.withdrawal_fee, estimate.rate_before_fees) == (None, None, None)
    assert (NOTHING.payout_hash, NOTHING.payout_address, NOTHING.refund_hash) == (None, None, None)


def batch(**facts: Any) -> Batch:
    """A batch of which nothing is known but *facts*."""
    row: dict[str, Any] = dict.fromkeys(Batch._fields)
    return Batch(**row | {"created_at": NOW} | facts)


def test_an_order_may_be_out_from_its_intent_on() -> None:
    """Prepared is enough, and so is taken."""
    assert not batch().is_perhaps_ordered
    assert batch(order_prepared_at=NOW).is_perhaps_ordered
    assert batch(task_enqueued_at=NOW).is_perhaps_ordered


def test_a_batch_waits_since_its_latest_step() -> None:
    """Its order, else the intent, else its beginning."""
    prepared, ordered = NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)
    assert batch().waiting_since == NOW
    assert batch(order_prepared_at=prepared).waiting_since == prepared
    assert batch(order_prepared_at=prepared, task_enqueued_at=ordered).waiting_since == ordered


def test_lines_and_events_name_a_batch_by_the_same_words() -> None:
    """The metrics and the listeners read these."""
    known = {
        "batch_conversion_id": uuid.UUID(int=7),
        "total_usd": Decimal(25),
        "payments": 2,
        "amount_eth": Decimal("0.01"),
        "quoted_usdt": Decimal(24),
        "cn_api_id": "c3f2a1b0d9e8f7",
        "payin_address": "0xb600b86bb729bae925f217dd53a3050595e779f1",
        "reason": "forced",
    }
    assert batch(**known).facts == known
    assert batch(**known).labels == {name: known[name] for name in ("batch_conversion_id", "cn_api_id")}
