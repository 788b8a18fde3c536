"""What a line tells a person of a batch's trouble: what is known, and where to look."""

import logging
import re
import uuid
from decimal import Decimal
from typing import Any

import pytest
from grpc import StatusCode

from sandbox.postgres.session import open_session
from sandbox.wire import faults
from tests.rig import Rig

BY_ID = "GET /exchange/by-id"
CREATE = "POST /exchange"


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[logging.LogRecord]:
    """The lines of an event, oldest first."""
    return [record for record in caplog.records if getattr(record, "event", "") == event]


def stuck(caplog: pytest.LogCaptureFixture) -> tuple[str, dict[str, Any]]:
    """The message and the fields of the newest line about a batch that stands still."""
    newest: Any = lines(caplog, "batch_stuck")[-1]
    return newest.getMessage(), newest.fields


def test_a_batch_without_an_exchange(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """As the old service may have left one: nobody can be asked about it."""
    batch_id = uuid.uuid4()
    rig.sql(
        "INSERT INTO batch_conversions (batch_conversion_id, total_eth_usd, threshold_at_creation, conversion_status,"
        " created_at) VALUES (%s, 20, 20, 'swapping', %s)",
        batch_id,
        rig.clock().replace(tzinfo=None),
    )
    rig.clock.forward(minutes=61)
    rig.check()
    message, fields = stuck(caplog)
    assert fields["hint"] == f"no exchange is known; see why in the lines before, and: ./microbatch batch {batch_id}"
    assert message == f"Batch conversion stuck: the batch has no exchange on record; {fields['hint']}"
    assert (fields["exchange_status"], fields["age_s"]) == ("nothing yet", 61 * 60)


def test_a_batch_that_could_not_be_ordered(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Its exchange was made late, and is not ready for its deposit."""
    rig.peers.exchange.faults.add(CREATE, faults.status(500))
    rig.pay("25.00")
    rig.check()
    rig.clock.forward(minutes=30)
    rig.peers.exchange.faults.add(BY_ID, faults.body(b'{"status": "new"}'), times=None)
    rig.check()
    rig.clock.forward(minutes=31)
    rig.check()
    _, fields = stuck(caplog)
    show = f"./microbatch batch {rig.batches()[0]['batch_conversion_id']}"
    assert fields["hint"] == f"the order could not be sent; see why in the lines before, and: {show}"
    assert fields["exchange_status"] == "new"


def test_a_batch_whose_order_is_refused(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Its exchange was made late, and Cloud Tasks does not take its order."""
    rig.peers.exchange.faults.add(CREATE, faults.status(500))
    rig.peers.tasks.faults.add("CreateTask", faults.refuse(StatusCode.PERMISSION_DENIED), times=None)
    rig.pay("25.00")
    for minutes in (30, 31, 0):
        rig.check()
        rig.clock.forward(minutes=minutes)
    message, fields = stuck(caplog)
    assert message == f"Batch conversion stuck: it could not be ordered; {fields['hint']}"
    assert "the order could not be sent" in fields["hint"]
    refused: list[Any] = lines(caplog, "tasks_unavailable")
    assert {line.fields["batch_conversion_id"] for line in refused} == {fields["batch_conversion_id"]}


def test_a_batch_whose_order_is_in_doubt(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Only GCHostPay1's log tells."""
    rig.peers.tasks.faults.add("CreateTask", faults.refuse(StatusCode.UNAVAILABLE), times=3)
    rig.pay("25.00")
    rig.check()
    rig.clock.forward(minutes=61)
    rig.check()
    _, fields = stuck(caplog)
    show = f"./microbatch batch {rig.batches()[0]['batch_conversion_id']}"
    where = "look at GCHostPay1's log for this batch"
    assert fields["hint"] == f"nobody knows whether the order went out: {where}, and: {show}"


def test_a_batch_that_is_ordered(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """ChangeNow's own page, the peer's log, the batch."""
    (batch,) = rig.open_batches("25.00")
    rig.clock.forward(minutes=61)
    rig.check()
    message, fields = stuck(caplog)
    page = f"https://changenow.io/exchange/txs/{batch['cn_api_id']}"
    show = f"./microbatch batch {batch['batch_conversion_id']}"
    assert fields["hint"] == f"look at {page}, at GCHostPay1's log, and: {show}"
    assert message == f"Batch conversion stuck: ChangeNow says waiting; {fields['hint']}"


@pytest.mark.parametrize(
    ("how", "where"),
    [
        ("refund", "ChangeNow says refunded after a deposit; compare the refund address's balance"),
        ("fail", "ChangeNow says failed after a deposit; it is not known to have come back"),
    ],
)
def test_a_deposit_that_is_lost(rig: Rig, caplog: pytest.LogCaptureFixture, how: str, where: str) -> None:
    """Whether the ETH came back; the batch itself is told of as well."""
    (batch,) = rig.open_batches("25.00")
    rig.deposit(batch)
    getattr(rig.peers.exchange, how)(batch["cn_api_id"])
    rig.clock.forward(minutes=21)
    rig.check()
    (line,) = lines(caplog, "deposit_lost")
    assert where in line.getMessage()
    fields: dict[str, Any] = line.fields  # type: ignore[attr-defined]
    assert (fields["deposit_eth"], fields["batch_conversion_id"]) == (batch["amount_eth"], batch["batch_conversion_id"])
    (ended,) = lines(caplog, "batch_failed")
    assert len(lines(caplog, "batch_refunded")) == (how == "refund")
    end: dict[str, Any] = ended.fields  # type: ignore[attr-defined]
    assert end["reason"] == end["exchange_status"] == fields["exchange_status"]


def pay_out(rig: Rig, received: str, share: str) -> dict[str, Any]:
    """Let ChangeNow pay out for a share of the ETH ordered, and a check see it; returns the batch."""
    (batch,) = rig.open_batches("25.00")
    exchange = rig.peers.exchange.exchange(batch["cn_api_id"])
    rig.peers.exchange.deposit(exchange.payin_address, exchange.expected_amount_from * Decimal(share), "0xab")
    rig.peers.exchange.finish(exchange.id, Decimal(received))
    rig.clock.forward(minutes=21)
    rig.check()
    return rig.batches()[0]


@pytest.mark.parametrize(
    ("paid", "said"),
    [
        (("19.99", "1"), r"19\.99000000 USDT for \$25\.00 is beyond 20 % - nothing"),
        (("30.01", "1"), r"30\.01000000 USDT for \$25\.00 is beyond 20 % - nothing"),
        (("25.00", "1.02"), r"0\.0\d+ ETH were deposited, 0\.0\d+ ordered - nothing"),
    ],
)
def test_an_amount_that_is_refused(
    rig: Rig, caplog: pytest.LogCaptureFixture, paid: tuple[str, str], said: str
) -> None:
    """Why, and what to type to accept that very amount."""
    batch = pay_out(rig, *paid)
    (line,) = lines(caplog, "amount_refused")
    assert re.search(said, line.getMessage())
    accept = rf"to accept it: \./microbatch accept {batch['batch_conversion_id']} --amount {paid[0]}0*$"
    assert re.search(accept, line.getMessage())
    assert batch["conversion_status"] == "swapping"


@pytest.mark.parametrize(("received", "share"), [("20.00", "1"), ("30.00", "1"), ("25.00", "0.991")])
def test_an_amount_at_the_edge_is_not_refused(rig: Rig, received: str, share: str) -> None:
    """Twenty percent is within twenty percent, and a deposit may stray by one."""
    assert pay_out(rig, received, share)["conversion_status"] == "completed"


@pytest.mark.parametrize(("pending", "relation"), [("20.00", ">="), ("20.01", ">="), ("19.99", "<")])
def test_a_batch_that_is_about_to_be_opened(
    rig: Rig, caplog: pytest.LogCaptureFixture, pending: str, relation: str
) -> None:
    """How what waits stands to the threshold, as the architecture document words it."""
    rig.pay(pending)
    with caplog.at_level("INFO"):
        rig.check(forced=True)
    (line,) = lines(caplog, "batch_opening")
    assert line.getMessage() == f"Total pending (${pending}) {relation} Threshold ($20.00) - creating batch"


def test_a_batch_whose_trouble_cannot_be_noted(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Another session holds the batch's own row: it is said, and the batch beside it is completed."""
    rig.overrides = {"DATABASE_LOCK_TIMEOUT_S": "1"}
    rig.check_dependencies = rig.wire_check()
    held, free = rig.open_batches("25.00", "26.00")
    for batch in (held, free):
        rig.pay_out(batch, str(batch["total_eth_usd"]))
    rig.clock.forward(minutes=21)
    other = open_session(rig.url, autocommit=False)
    other.cursor().execute("SELECT id FROM batch_conversions ORDER BY id LIMIT 1 FOR UPDATE")
    rig.check()
    other.close()
    assert [row["conversion_status"] for row in rig.batches()] == ["swapping", "completed"]
    (line,) = lines(caplog, "batch_set_aside")
    assert "; and it could not be noted: " in line.getMessage()


def test_an_exchange_that_cannot_be_made(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The line names the batch that waits for it; a quote that cannot be had is nobody's yet."""
    rig.peers.exchange.faults.add(CREATE, faults.status(500))
    rig.pay("25.00")
    rig.check()
    rig.peers.exchange.faults.add("GET /exchange/range", faults.status(401), times=None)
    rig.pay("25.00")
    rig.check()
    named = [getattr(line, "fields").get("total_usd") for line in lines(caplog, "exchange_unavailable")]  # noqa: B009
    assert named == [Decimal(25), None]


@pytest.mark.parametrize("case", ["disappeared", "mistyped", "first"])
def test_a_policy_that_cannot_be_read(rig: Rig, caplog: pytest.LogCaptureFixture, case: str) -> None:
    """What holds instead, and what to do where no policy was meant."""
    said = {
        "disappeared": "going on with the last valid one; for no policy, add a version {}",
        "mistyped": "going on with the last valid one",
        "first": "none was ever valid, so that nothing is opened; see ./microbatch policy show",
    }
    if case != "first":
        rig.set_policy('{"paused": true}')
        rig.check()
    rig.set_policy("{")
    if case == "disappeared":
        rig.peers.secrets.delete_secret("telepay-test", "MICRO_BATCH_POLICY")
    rig.check()
    (line,) = lines(caplog, "policy_fallback")
    assert line.getMessage().endswith(f"; {said[case]}")
