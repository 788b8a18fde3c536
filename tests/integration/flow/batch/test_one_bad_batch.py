"""One exchange, one lock, one answer that is bad for ever is set aside and named; everything beside it goes on."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.postgres.session import open_session
from sandbox.wire import faults
from sandbox.wire.faults import Action
from shared.model.reasons import Reason
from tests.rig import Rig

BY_ID = "GET /exchange/by-id"
FORBIDDEN = faults.status(403, body='{"error": "forbidden", "message": "the exchange of another key"}')


class OnlyFor:
    """Meets the questions about some exchanges and no others."""

    def __init__(self, rig: Rig, action: Action, *batches: dict[str, Any]) -> None:
        self._bad = {batch["cn_api_id"] for batch in batches}
        self._rig = rig
        self._action = action

    def check(self) -> None:
        """Run a check in which they are bad."""
        client = self._rig.check_dependencies.exchange
        ask = client.get_exchange

        def get_exchange(cn_api_id: str) -> Any:
            if cn_api_id in self._bad:
                self._rig.peers.exchange.faults.add(method=BY_ID, action=self._action, times=8)
            try:
                return ask(cn_api_id)
            finally:
                self._rig.peers.exchange.faults.clear()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client, "get_exchange", get_exchange)
            self._rig.check()


def statuses(rig: Rig) -> list[str]:
    """Where every batch is, oldest first."""
    return [row["conversion_status"] for row in rig.batches()]


@pytest.mark.parametrize("action", [FORBIDDEN, faults.status(500), faults.status(404)], ids=["403", "500", "404"])
def test_an_exchange_that_cannot_be_read_stops_no_other(
    rig: Rig, action: Action, caplog: pytest.LogCaptureFixture
) -> None:
    """The finished ones are completed in the same check, a new batch is opened, the bad one is named as stuck."""
    bad, first, second = rig.open_batches("25.00", "26.00", "27.00")
    for batch in (first, second):
        rig.pay_out(batch, str(batch["total_eth_usd"]))
    rig.pay("30.00")
    rig.clock.forward(minutes=61)
    OnlyFor(rig, action, bad).check()
    assert statuses(rig) == ["swapping", "completed", "completed", "swapping"]
    stuck = [record for record in caplog.records if getattr(record, "event", "") == "batch_stuck"]
    assert [record.fields["batch_conversion_id"] for record in stuck] == [bad["batch_conversion_id"]]  # type: ignore[attr-defined]


def test_the_next_question_waits_longer_and_longer_and_is_kept(rig: Rig) -> None:
    """An hour at most while the batch lives; an answer begins anew."""
    (bad,) = rig.open_batches("25.00")
    rig.clock.forward(minutes=21)
    pauses = []
    for _ in range(9):
        OnlyFor(rig, FORBIDDEN, bad).check()
        pause = rig.batches()[0]["reconcile_after"] - rig.clock().replace(tzinfo=None)
        pauses.append(pause)
        rig.clock.forward(seconds=pause.total_seconds())
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(minutes=1)
    assert pauses[-1] == timedelta(hours=1)
    assert rig.batches()[0]["questions_failed"] == 9
    rig.check()
    assert rig.batches()[0]["questions_failed"] == 0


def test_three_exchanges_in_a_row_without_an_answer_mean_that_changenow_is_away(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are not asked in vain, and are asked first next time."""
    rig.open_batches("25.00", "26.00", "27.00", "28.00")
    rig.clock.forward(minutes=21)
    rig.peers.exchange.faults.add(method=BY_ID, action=faults.status(401), times=100)
    rig.check()
    asked = [row["questions_failed"] for row in rig.batches()]
    assert asked == [1, 1, 1, 0]
    assert any("is away" in message for message in caplog.messages)
    rig.peers.exchange.faults.clear()
    rig.pay_out(rig.batches()[3], "27.90")
    rig.check()
    assert statuses(rig) == ["swapping", "swapping", "swapping", "completed"]


def test_a_batch_never_ordered_whose_exchange_cannot_be_read_is_given_back_after_an_hour(rig: Rig) -> None:
    """It never blocks the opening of others, and its payments go into another batch."""
    rig.peers.exchange.faults.add(method=BY_ID, action=FORBIDDEN, times=100)
    rig.pay("25.00")
    rig.check()
    (bad,) = rig.batches()
    assert (bad["conversion_status"], bad["order_prepared_at"]) == ("swapping", None)
    rig.peers.exchange.faults.clear()
    rig.pay("30.00")
    rig.clock.forward(minutes=15)
    OnlyFor(rig, FORBIDDEN, bad).check()
    assert statuses(rig) == ["swapping", "swapping"]
    rig.clock.forward(minutes=50)
    OnlyFor(rig, FORBIDDEN, bad).check()
    assert statuses(rig) == ["failed", "swapping", "swapping"]
    assert rig.batches()[0]["failure_reason"] == "exchange_unreadable"
    assert {order.batch_conversion_id for order in rig.orders()} == {
        str(row["batch_conversion_id"]) for row in rig.batches()[1:]
    }


def test_exchanges_that_cannot_be_made_are_given_up_after_an_hour(rig: Rig) -> None:
    """Quotes work and POST does not: the payments are free again, in time."""
    rig.peers.exchange.faults.add(method="POST /exchange", action=faults.status(500), times=100)
    rig.pay("25.00")
    rig.check()
    for _ in range(5):
        rig.clock.forward(minutes=15)
        rig.check()
    assert rig.batches()[0]["failure_reason"] == "not_ordered_in_time"
    rig.peers.exchange.faults.clear()
    rig.check()
    rig.check()
    assert rig.batches()[-1]["conversion_status"] == "swapping"
    assert len(rig.orders()) == 1


def test_an_exchange_that_another_batch_has_is_refused_and_made_anew(rig: Rig) -> None:
    """ChangeNow gives an id twice: the check ends well, and the batch gets one of its own."""
    (first,) = rig.open_batches("25.00")
    answer = {"id": first["cn_api_id"], "payinAddress": "0x" + "11" * 20}
    rig.peers.exchange.faults.add(method="POST /exchange", action=faults.body(json.dumps(answer).encode()))
    rig.pay("30.00")
    assert rig.check().opened
    assert rig.batches()[1]["cn_api_id"] is None
    rig.check()
    assert rig.batches()[1]["cn_api_id"] not in (None, first["cn_api_id"])


@pytest.mark.parametrize(
    "text",
    [
        rb'{"error": "not_found\u0000", "message": "\ud800 gone"}',
        rb'{"error": "\udfff", "message": "\u0000"}',
        rb'{"id": null, "status": "finished", "amountTo": 1e99999999999999999999}',
        rb'{"status": "finished", "amountTo": 1e999999}',
        rb'{"status": "finished\u0000", "amountTo": 25}',
    ],
    ids=["NUL in the code", "half a pair", "beyond all exponents", "too large", "NUL in the status"],
)
def test_no_answer_ends_a_check(rig: Rig, text: bytes) -> None:
    """Whatever ChangeNow writes about one batch, the one beside it is completed and the line can be written."""
    bad, good = rig.open_batches("25.00", "26.00")
    rig.pay_out(good, "25.90")
    rig.clock.forward(minutes=21)
    status = faults.status(400, body=text) if b"error" in text else faults.body(text)
    OnlyFor(rig, status, bad).check()
    assert statuses(rig) == ["swapping", "completed"]
    assert rig.batches()[0]["questions_failed"] == 1


def test_a_lock_on_one_payment_holds_up_its_batch_alone(rig: Rig) -> None:
    """Another service holds a row of a finished batch: the other is completed, this one as soon as it is free."""
    rig.overrides = {"DATABASE_LOCK_TIMEOUT_S": "1"}
    rig.check_dependencies = rig.wire_check()
    held, free = rig.open_batches("25.00", "26.00")
    for batch in (held, free):
        rig.pay_out(batch, str(batch["total_eth_usd"]))
    rig.clock.forward(minutes=21)
    other = open_session(rig.url, autocommit=False)
    other.cursor().execute("SELECT id FROM payout_accumulation ORDER BY id LIMIT 1 FOR UPDATE")
    rig.check()
    assert statuses(rig) == ["swapping", "completed"]
    other.close()
    rig.clock.forward(minutes=2)
    rig.check()
    assert statuses(rig) == ["completed", "completed"]
    assert rig.payments()[0]["accumulated_amount_usdt"] == Decimal("25.00")


def test_a_batch_with_an_intruder_is_named_and_holds_nothing_up(rig: Rig) -> None:
    """A row joined by hand: the database refuses the distribution, for this batch alone."""
    bad, good = rig.open_batches("25.00", "26.00")
    rig.sql("ALTER TABLE payout_accumulation DISABLE TRIGGER USER")
    (intruder,) = rig.pay("9.00")
    rig.sql(
        "UPDATE payout_accumulation SET batch_conversion_id = %s, conversion_status = 'swapping' WHERE id = %s",
        bad["batch_conversion_id"],
        intruder,
    )
    rig.sql("ALTER TABLE payout_accumulation ENABLE TRIGGER USER")
    for batch in (bad, good):
        rig.pay_out(batch, str(batch["total_eth_usd"]))
    rig.clock.forward(minutes=21)
    assert rig.check().reason == Reason.BELOW_THRESHOLD
    assert statuses(rig) == ["swapping", "completed"]
    assert rig.batches()[0]["reconcile_after"] is not None
    assert rig.batches()[0]["exchange_status"] == "finished"
