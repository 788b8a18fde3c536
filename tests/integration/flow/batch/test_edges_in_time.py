"""Every span at its last microsecond, and every bound of a check at its last batch."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from grpc import StatusCode

from sandbox.wire import faults
from shared.flow.check import run_check
from shared.model.reasons import Reason
from tests.rig import Rig

BY_ID = "GET /exchange/by-id"
CREATE_TASK = "CreateTask"
HAIR = timedelta(microseconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REFUSED = faults.refuse(StatusCode.PERMISSION_DENIED)


def after(rig: Rig, span: timedelta) -> Reason:
    """Let a span pass, to the microsecond, and run a check."""
    rig.clock.now += span
    return rig.check().reason


def unordered(rig: Rig, action: faults.Action, times: int = 1) -> None:
    """Open a batch whose order Cloud Tasks does not take."""
    rig.peers.tasks.faults.add(CREATE_TASK, action, times=times)
    rig.pay("25.00")
    rig.check()
    rig.peers.tasks.faults.clear()
    assert not rig.orders()


def fail(rig: Rig) -> dict[str, Any]:
    """Let a batch end after its deposit, at this instant, as a check sees; opens no other."""
    rig.set_threshold("1000")
    batch = rig.batches()[0]
    rig.deposit(batch)
    rig.peers.exchange.fail(batch["cn_api_id"])
    rig.check()
    return rig.batches()[0]


def next_question(rig: Rig) -> timedelta | None:
    """In how long ChangeNow is asked about the first batch."""
    ask_at: datetime | None = rig.batches()[0]["reconcile_after"]
    return None if ask_at is None else ask_at - rig.clock().replace(tzinfo=None)


@pytest.mark.parametrize(("span", "status"), [(20 * MINUTE - HAIR, "swapping"), (20 * MINUTE, "completed")])
def test_the_grace_time(rig: Rig, span: timedelta, status: str) -> None:
    """Twenty minutes after the order ChangeNow is asked."""
    (batch,) = rig.open_batches("25.00")
    rig.pay_out(batch, "24.50")
    after(rig, span)
    assert rig.batches()[0]["conversion_status"] == status


@pytest.mark.parametrize(("span", "orders"), [(20 * MINUTE, 1), (20 * MINUTE + HAIR, 0)])
def test_an_order_in_doubt(rig: Rig, span: timedelta, orders: int) -> None:
    """It is sent again for twenty minutes, while its name is surely kept."""
    unordered(rig, faults.refuse(StatusCode.UNAVAILABLE), times=3)
    rig.set_threshold("1000")
    after(rig, span)
    assert len(rig.orders()) == orders


@pytest.mark.parametrize(("span", "failure"), [(HOUR, None), (HOUR + HAIR, "exchange_too_old")])
def test_an_exchange_without_an_order(rig: Rig, span: timedelta, failure: str | None) -> None:
    """It is ordered for an hour."""
    unordered(rig, REFUSED)
    rig.set_threshold("1000")
    after(rig, span)
    assert (rig.batches()[0]["failure_reason"], len(rig.orders())) == (failure, failure is None)


@pytest.mark.parametrize(("span", "failure"), [(10 * MINUTE, None), (10 * MINUTE + HAIR, "quote_refused")])
def test_a_quote(rig: Rig, span: timedelta, failure: str | None) -> None:
    """It holds for ten minutes; then the price is asked for again."""
    unordered(rig, REFUSED)
    rig.set_threshold("1000")
    rig.peers.exchange.market.eth_price_usd = Decimal(1500)
    after(rig, span)
    assert (rig.batches()[0]["failure_reason"], len(rig.orders())) == (failure, failure is None)


@pytest.mark.parametrize(("late", "reason"), [(HOUR, Reason.FORCED), (HOUR + HAIR, Reason.BELOW_THRESHOLD)])
def test_a_forced_tick(rig: Rig, late: timedelta, reason: Reason) -> None:
    """It counts for an hour."""
    rig.pay("5.00")
    sent_at = rig.clock() - late
    assert run_check(rig.check_dependencies, forced=True, told_at=sent_at).reason == reason


@pytest.mark.parametrize(
    ("span", "reason"), [(DAY - HAIR, Reason.DEPOSITS_LOST), (DAY, Reason.THRESHOLD_REACHED)], ids=["within", "after"]
)
def test_a_refund_counts_for_a_day(rig: Rig, span: timedelta, reason: Reason) -> None:
    """Then the breaker closes by itself."""
    rig.set_policy('{"max_lost_deposits": 1}')
    (batch,) = rig.open_batches("25.00")
    rig.deposit(batch)
    rig.peers.exchange.refund(batch["cn_api_id"])
    assert after(rig, 20 * MINUTE) == Reason.DEPOSITS_LOST
    assert after(rig, span) == reason


@pytest.mark.parametrize(("resets", "reason"), [((0,), Reason.BELOW_THRESHOLD), ((-9, 0), Reason.BELOW_THRESHOLD)])
def test_a_reset_of_the_breaker(rig: Rig, resets: tuple[int, ...], reason: Reason) -> None:
    """What was lost by that instant counts no more; the last reset is the one."""
    rig.open_batches("25.00")
    rig.clock.now += 20 * MINUTE
    fail(rig)
    assert rig.check().reason == Reason.DEPOSITS_LOST
    for minutes in resets:
        at = rig.clock.now + minutes * MINUTE
        rig.sql("INSERT INTO operator_acts (act, by_whom, acted_at) VALUES ('breaker reset', 'somebody', %s)", at)
    assert rig.check().reason == reason


def test_a_batch_given_up_is_asked_about_for_a_week(rig: Rig) -> None:
    """First after a quarter of an hour, then after half of the time that has passed, six hours at most."""
    rig.open_batches("25.00")
    rig.clock.now += 20 * MINUTE
    fail(rig)
    assert next_question(rig) == 15 * MINUTE
    after(rig, 15 * MINUTE)
    assert next_question(rig) == 15 * MINUTE
    after(rig, HOUR - 15 * MINUTE)
    assert next_question(rig) == 30 * MINUTE
    after(rig, 2 * DAY - HOUR)
    assert next_question(rig) == 6 * HOUR
    after(rig, 5 * DAY - HAIR)
    assert next_question(rig) == 6 * HOUR
    after(rig, 6 * HOUR)
    assert next_question(rig) is None


def test_one_that_gives_no_answer_is_asked_about_for_a_week(rig: Rig) -> None:
    """The pauses double to six hours; an answer begins anew."""
    rig.open_batches("25.00")
    rig.clock.now += 20 * MINUTE
    fail(rig)
    given_up_at = rig.clock.now
    rig.peers.exchange.faults.add(BY_ID, faults.status(403, body='{"error": "forbidden"}'), times=None)
    rig.clock.now += 15 * MINUTE
    for minutes in (1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360):
        rig.check()
        assert next_question(rig) == minutes * MINUTE
        rig.clock.now += minutes * MINUTE
    assert rig.batches()[0]["questions_failed"] == 11
    rig.clock.now = given_up_at + 7 * DAY - HAIR
    rig.check()
    assert next_question(rig) == 6 * HOUR
    rig.sql("UPDATE batch_conversions SET reconcile_after = %s", given_up_at.replace(tzinfo=None))
    after(rig, HAIR)
    assert (next_question(rig), rig.batches()[0]["questions_failed"]) == (None, 13)


def test_the_pauses_after_questions_without_an_answer_double_to_an_hour(rig: Rig) -> None:
    """While the batch lives."""
    rig.open_batches("25.00")
    rig.peers.exchange.faults.add(BY_ID, faults.status(403, body='{"error": "forbidden"}'), times=None)
    rig.clock.now += 20 * MINUTE
    for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
        rig.check()
        assert next_question(rig) == minutes * MINUTE
        rig.clock.now += minutes * MINUTE


# What one check does at most


def insert_batches(rig: Rig, number: int, status: str, opened_because: str | None) -> None:
    """Insert batches of half an hour ago, each with an exchange that ChangeNow does not know."""
    rig.sql(
        "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, conversion_status,"
        " cn_api_id, payin_address, opened_because, created_at) SELECT gen_random_uuid(), 20, 20, %s,"
        " CASE WHEN CAST(%s AS text) IS NULL THEN 'nobody-s-' || number END, '0x1', %s, CAST(%s AS timestamp)"
        " FROM generate_series(1, CAST(%s AS integer)) AS number",
        *(status, opened_because, opened_because, (rig.clock() - 30 * MINUTE).replace(tzinfo=None), number),
    )


def test_so_many_batches_are_asked_about(rig: Rig) -> None:
    """Fifty; the others come first next time."""
    insert_batches(rig, 51, "swapping", None)
    rig.check()
    assert [row["questions_failed"] for row in rig.batches()] == [1] * 50 + [0]
    rig.check()
    assert rig.batches()[-1]["questions_failed"] == 1


def test_so_many_batches_are_resumed(rig: Rig) -> None:
    """Twenty, the oldest first; what is left waits for the next check."""
    insert_batches(rig, 21, "pending", "forced")
    rig.check()
    assert [row["conversion_status"] for row in rig.batches()] == ["failed"] * 20 + ["pending"]
    assert {row["failure_reason"] for row in rig.batches()} == {"payments_changed", None}


def test_so_many_batches_are_opened(rig: Rig) -> None:
    """Twenty, and the check's one row counts them; what is left waits for the next."""
    rig.set_policy('{"max_batch_usd": 25}')
    rig.pay(*["25.00"] * 21)
    assert len(rig.check().opened) == len(rig.batches()) == rig.checks()[0]["batches_opened"] == 20
    assert len(rig.check().opened) == 1


@pytest.fixture
def skipping(rig: Rig) -> Callable[[], int]:
    """Somebody's trigger that lets no claim have the newest payment; gives how often ChangeNow was asked for terms."""
    rig.sql(
        "CREATE FUNCTION skip_one() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN IF NEW.accumulated_eth = 7 THEN RETURN NULL; END IF; RETURN NEW; END'"
    )
    rig.sql(
        "CREATE TRIGGER skip_one BEFORE UPDATE ON payout_accumulation FOR EACH ROW EXECUTE FUNCTION skip_one()",
    )
    before = len(rig.peers.exchange.requests)
    return lambda: [each.path for each in rig.peers.exchange.requests[before:]].count("/exchange/range")


def test_so_often_a_claim_is_tried(rig: Rig, skipping: Callable[[], int]) -> None:
    """Three times, each with a quote of its own; then the payments are left to the next check, unclaimed."""
    rig.pay("25.00", "7.00")
    assert rig.check().reason == Reason.CLAIM_CONTENDED
    assert skipping() == 3
    assert (rig.batches(), {row["conversion_status"] for row in rig.payments()}) == ([], {"pending"})
