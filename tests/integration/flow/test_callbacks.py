"""GCHostPay1's callback, on a real database and the real clients: settled once, or refused with nothing written."""

import struct
import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.wire import faults
from shared.errors import (
    BatchConflict,
    BatchUnknown,
    ExchangeUnavailable,
    ExchangeUnfinished,
    MicroBatchError,
    TokenRejected,
    TokenUnreadable,
    ValueImpossible,
)
from tests.rig import Rig, decode, encode, new_id, response_payload, sign


@pytest.fixture
def batch(rig: Rig) -> dict[str, Any]:
    """The architecture document's example: 10, 15 and 25 dollars, and 48.50 USDT paid out."""
    rig.pay("10.00", "15.00", "25.00")
    rig.check()
    (opened,) = rig.batches()
    rig.pay_out(opened, "48.50")
    return opened


def test_the_documents_example(rig: Rig, batch: dict[str, Any]) -> None:
    """48.50 USDT over 10, 15 and 25 dollars are 9.70, 14.55 and 24.25."""
    done = rig.call_back(rig.response(batch, "48.50"))
    assert (done.records_updated, done.received_usdt) == (3, Decimal("48.5"))
    shares = [row["accumulated_amount_usdt"] for row in rig.payments()]
    assert shares == [Decimal("9.70"), Decimal("14.55"), Decimal("24.25")]
    assert {row["conversion_status"] for row in rig.payments()} == {"completed"}
    assert {row["conversion_tx_hash"] for row in rig.payments()} == {"0x" + "ab" * 32}
    (row,) = rig.batches()
    assert (row["conversion_status"], row["actual_usdt_received"]) == ("completed", Decimal("48.5"))
    assert (row["settled_by"], row["completed_at"] is not None) == ("callback", True)


def test_the_same_callback_twice_changes_nothing(rig: Rig, batch: dict[str, Any]) -> None:
    """A repeat with the same facts succeeds and writes nothing, whatever ChangeNow does by then."""
    rig.call_back(rig.response(batch, "48.50"))
    before = (rig.batches(), rig.payments())
    rig.clock.forward(hours=5)
    rig.peers.exchange.faults.add(method="GET /exchange/by-id", action=faults.cut, times=9)
    assert rig.call_back(rig.response(batch, "48.50")).records_updated == 0
    assert (rig.batches(), rig.payments()) == before


Odd = Callable[[Rig, dict[str, Any]], str]


REFUSALS: list[tuple[str, type[MicroBatchError], Odd]] = [
    ("not base64", TokenUnreadable, lambda _rig, _batch: "no token!"),
    ("empty", TokenUnreadable, lambda _rig, _batch: ""),
    ("padded", TokenUnreadable, lambda rig, batch: rig.response(batch, "48.5") + "="),
    ("too long", TokenUnreadable, lambda _rig, _batch: "A" * 4096),
    ("too short", TokenUnreadable, lambda _rig, _batch: encode(b"0123456789abcdef")),
    ("truncated", TokenRejected, lambda rig, batch: encode(decode(rig.response(batch, "48.5"))[:-1])),
    ("other key", TokenRejected, lambda rig, batch: rig.response(batch, "48.5", key="another-key")),
    (
        "too old",
        TokenRejected,
        lambda rig, batch: rig.response(batch, "48.5", sent_at=rig.clock() - timedelta(hours=25, seconds=2)),
    ),
    (
        "from the future",
        TokenRejected,
        lambda rig, batch: rig.response(batch, "48.5", sent_at=rig.clock() + timedelta(seconds=62)),
    ),
    ("trailing bytes", TokenUnreadable, lambda rig, batch: sign(_payload(rig, batch) + b"\0")),
    ("cut payload", TokenUnreadable, lambda rig, batch: sign(_payload(rig, batch)[:-1])),
    ("no UTF-8", TokenUnreadable, lambda rig, batch: sign(b"\x01\xff" + _payload(rig, batch))),
    ("NaN", ValueImpossible, lambda rig, batch: rig.response(batch, "nan")),
    ("infinity", ValueImpossible, lambda rig, batch: rig.response(batch, "inf")),
    ("negative", ValueImpossible, lambda rig, batch: rig.response(batch, "-48.5")),
    ("zero", ValueImpossible, lambda rig, batch: rig.response(batch, "0")),
    ("absurd", ValueImpossible, lambda rig, batch: rig.response(batch, "1e300")),
    ("no hash", ValueImpossible, lambda rig, batch: rig.response(batch, "48.5", tx_hash="")),
    ("long hash", ValueImpossible, lambda rig, batch: rig.response(batch, "48.5", tx_hash="0x" + "a" * 99)),
    ("no uuid", ValueImpossible, lambda rig, batch: rig.response(batch, "48.5", batch_conversion_id="42")),
    (
        "cut uuid",
        ValueImpossible,
        lambda rig, batch: rig.response(batch, "48.5", batch_conversion_id=str(batch["batch_conversion_id"])[:-1]),
    ),
    ("invented uuid", BatchUnknown, lambda rig, batch: rig.response(batch, "48.5", batch_conversion_id=new_id())),
    ("other exchange", BatchConflict, lambda rig, batch: rig.response(batch, "48.5", cn_api_id="0123456789abcd")),
    ("other amount", BatchConflict, lambda rig, batch: rig.response(batch, "48.500002")),
]


@pytest.mark.parametrize(("error", "odd"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_refusals_write_nothing(rig: Rig, batch: dict[str, Any], error: type[MicroBatchError], odd: Odd) -> None:
    """Every refusal has its own kind, and leaves every row as it was."""
    before = (rig.batches(), rig.payments(), rig.sql("SELECT * FROM batch_events"))
    with pytest.raises(error):
        rig.call_back(odd(rig, batch))
    assert (rig.batches(), rig.payments(), rig.sql("SELECT * FROM batch_events")) == before


def test_within_the_tolerance_changenows_amount_is_what_is_split(rig: Rig, batch: dict[str, Any]) -> None:
    """A callback that is off by less than the last place of USDT is accepted; ChangeNow is the source of truth."""
    done = rig.call_back(rig.response(batch, "48.5000009"))
    assert done.received_usdt == Decimal("48.5")


def test_after_completion_other_facts_are_a_conflict(rig: Rig, batch: dict[str, Any]) -> None:
    """Another amount or hash for a completed batch is refused."""
    rig.call_back(rig.response(batch, "48.50"))
    for token in (rig.response(batch, "48.60"), rig.response(batch, "48.50", tx_hash="0x" + "cd" * 32)):
        with pytest.raises(BatchConflict):
            rig.call_back(token)


def test_an_unfinished_exchange_is_asked_again_later(rig: Rig) -> None:
    """Not finished at ChangeNow: the callback comes again, and nothing is written."""
    rig.pay("30.00")
    rig.check()
    (opened,) = rig.batches()
    with pytest.raises(ExchangeUnfinished):
        rig.call_back(rig.response(opened, "29.00"))
    assert rig.payments()[0]["conversion_status"] == "swapping"
    rig.pay_out(opened, "29.00")
    assert rig.call_back(rig.response(opened, "29.00")).records_updated == 1


@pytest.mark.parametrize("end", ["fail", "expire", "refund"])
def test_an_exchange_that_ended_otherwise_is_a_conflict(rig: Rig, end: str) -> None:
    """No amount is confirmed for an exchange that failed, expired or was refunded."""
    rig.pay("30.00")
    rig.check()
    (opened,) = rig.batches()
    getattr(rig.peers.exchange, end)(opened["cn_api_id"])
    with pytest.raises(BatchConflict):
        rig.call_back(rig.response(opened, "29.00"))


def test_an_amount_far_from_the_payments_worth_waits_for_an_operator(rig: Rig) -> None:
    """Half of what the payments are worth is not distributed until somebody has looked and accepted it."""
    rig.pay("30.00")
    rig.check()
    (opened,) = rig.batches()
    rig.pay_out(opened, "14.99")
    with pytest.raises(BatchConflict, match="operator"):
        rig.call_back(rig.response(opened, "14.99"))
    rig.sql("UPDATE batch_conversions SET accepted_usdt = 14.99, amount_accepted_at = NOW()")
    assert rig.call_back(rig.response(opened, "14.99")).records_updated == 1


@pytest.mark.parametrize(
    "action",
    [
        faults.status(500),
        faults.status(503, {"Retry-After": "1"}),
        faults.status(429, {"Retry-After": "3600"}),
        faults.body(b"<html>down</html>"),
        faults.body(b'{"id": '),
        faults.body(b"null"),
        faults.body(b'{"status": "finished", "amountTo": NaN}'),
        faults.body(b'{"status": "finished", "amountTo": "abc"}'),
        faults.body(b'{"status": "finished", "amountTo": -1}'),
        faults.cut,
        faults.hang,
    ],
    ids=str,
)
def test_changenow_in_trouble_defers(rig: Rig, batch: dict[str, Any], action: faults.Action) -> None:
    """Whatever ChangeNow answers that is not an answer: nothing is written, and asking again is right."""
    rig.peers.exchange.faults.add(method="GET /exchange/by-id", action=action, times=20)
    with pytest.raises(ExchangeUnavailable):
        rig.call_back(rig.response(batch, "48.50"))
    assert rig.batches()[0]["conversion_status"] == "swapping"
    rig.peers.exchange.faults.clear()
    assert rig.call_back(rig.response(batch, "48.50")).records_updated == 3


def test_an_amount_in_exponent_notation_is_an_amount(rig: Rig, batch: dict[str, Any]) -> None:
    """JSON may write 48.5 as 4850e-2."""
    answer = b'{"id": "%s", "status": "finished", "amountTo": 4850e-2}' % batch["cn_api_id"].encode()
    rig.peers.exchange.faults.add(method="GET /exchange/by-id", action=faults.body(answer))
    assert rig.call_back(rig.response(batch, "48.50")).received_usdt == Decimal("48.5")


def test_an_old_signing_key_is_accepted_during_rotation(rig: Rig, batch: dict[str, Any]) -> None:
    """With two keys set, the peer may still sign with the old one."""
    rig.overrides = {"SUCCESS_URL_SIGNING_KEY": "the-new-key, signing-key-for-tests\n"}
    rig.callback_dependencies = rig.wire_callback()
    assert rig.call_back(rig.response(batch, "48.50")).records_updated == 3


def test_a_batch_without_an_exchange_cannot_be_settled(rig: Rig) -> None:
    """A callback for a batch that is still pending names an exchange that the batch does not have."""
    batch_id = uuid.uuid4()
    rig.sql(
        "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation) VALUES (%s, 20, 20)",
        str(batch_id),
    )
    with pytest.raises(BatchConflict):
        rig.call_back(rig.response({"batch_conversion_id": batch_id, "cn_api_id": "x"}, "20"))


def _payload(rig: Rig, batch: dict[str, Any]) -> bytes:
    payload = response_payload(
        batch_conversion_id=str(batch["batch_conversion_id"]),
        cn_api_id=batch["cn_api_id"],
        tx_hash="0x" + "ab" * 32,
        received=48.5,
        sent_at=rig.clock(),
    )
    assert payload.endswith(struct.pack(">Q", int(rig.clock().timestamp())))
    return payload


def test_a_payout_for_a_batch_that_was_given_up_is_told(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The payments are elsewhere by then: nothing is written, and a person is told that money came."""
    rig.pay("30.00")
    rig.check()
    (opened,) = rig.batches()
    rig.peers.exchange.expire(opened["cn_api_id"])
    rig.clock.forward(minutes=21)
    rig.check()
    rig.peers.exchange.revive(opened["cn_api_id"], Decimal("29.00"))
    for _ in range(2):
        with pytest.raises(BatchConflict, match="given up"):
            rig.call_back(rig.response(opened, "29.00"))
    assert rig.batches()[0]["late_usdt_received"] == Decimal("29.00")
    assert len(rig.sql("SELECT id FROM batch_events WHERE event = 'batch.paid_late'")) == 1
    assert any(getattr(record, "event", "") == "paid_after_failure" for record in caplog.records)
