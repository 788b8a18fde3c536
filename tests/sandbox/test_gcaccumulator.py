"""The GCAccumulator stand-in takes payments in as the deployed service does."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from ops.schema.migrate import migrate
from sandbox.peers.database import create_deployed_tables
from sandbox.peers.gcaccumulator import GCAccumulator, after_fee
from sandbox.peers.gcaccumulator_inserts import Generation
from sandbox.postgres.server import Postgres
from sandbox.postgres.session import open_session, query

PAYMENT = {
    "user_id": 6271402111,
    "client_id": "-1003268562225",
    "subscription_id": 42,
    "payment_amount_usd": "12.50",
    "payment_currency": "usd",
    "payment_timestamp": "2026-11-22T10:00:00+02:00",
    "client_wallet_address": "0x" + "1" * 40,
    "client_payout_currency": "usdt",
    "client_payout_network": "eth",
    "nowpayments_payment_id": "5181195855",
    "nowpayments_pay_address": "0x" + "2" * 40,
    "nowpayments_outcome_amount": "0.004123456789012345",
}


@pytest.fixture
def deployed_url(empty_database_url: str) -> str:
    """A database of the deployed shape, before any migration of ours."""
    create_deployed_tables(empty_database_url)
    return empty_database_url


@pytest.fixture
def accumulator(deployed_url: str) -> Iterator[GCAccumulator]:
    with GCAccumulator(database_url=deployed_url) as service:
        yield service


def pay(accumulator: GCAccumulator, **changes: Any) -> requests.Response:
    payment = {name: value for name, value in {**PAYMENT, **changes}.items() if value != "absent"}
    return requests.post(accumulator.url, json=payment, timeout=10)


def stored(database_url: str) -> int:
    return int(query(database_url, "SELECT COUNT(*) FROM payout_accumulation")[0][0])


def test_a_payment_is_stored_as_pending_less_the_fee(accumulator: GCAccumulator, deployed_url: str) -> None:
    """3 % of 12.50 dollars are TelePay's; every field arrives in its column; nothing is queued."""
    answer = pay(accumulator)
    rows = query(
        deployed_url,
        "SELECT id, client_id, user_id, subscription_id, payment_amount_usd, payment_currency,"
        " payment_timestamp, accumulated_amount_usdt, payment_fee_usd, conversion_status,"
        " client_wallet_address, client_payout_currency, client_payout_network,"
        " nowpayments_payment_id, nowpayments_pay_address, nowpayments_outcome_amount,"
        " batch_conversion_id, is_paid_out FROM payout_accumulation",
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "message": "Payment accumulated successfully (micro-batch pending)",
        "accumulation_id": rows[0][0],
        "conversion_status": "pending",
    }
    assert rows[0][1:] == (
        "-1003268562225",
        6271402111,
        42,
        Decimal("12.50"),
        "usd",
        datetime(2026, 11, 22, 8, 0),  # noqa: DTZ001  # the column has no zone
        Decimal("12.12500000"),
        Decimal("0.37500000"),
        "pending",
        "0x" + "1" * 40,
        "usdt",
        "eth",
        "5181195855",
        "0x" + "2" * 40,
        Decimal("0.004123456789012345"),
        None,
        False,
    )


def test_optional_fields_may_be_absent(accumulator: GCAccumulator, deployed_url: str) -> None:
    """Numbers may come as JSON numbers or as text, and the moment of payment defaults to now."""
    answer = pay(
        accumulator,
        payment_amount_usd=9.99,
        user_id="17",
        subscription_id="absent",
        payment_timestamp="absent",
        nowpayments_payment_id="absent",
        nowpayments_pay_address=None,
        nowpayments_outcome_amount="absent",
    )
    rows = query(
        deployed_url,
        "SELECT user_id, subscription_id, accumulated_amount_usdt, nowpayments_outcome_amount,"
        " ABS(EXTRACT(EPOCH FROM (NOW() AT TIME ZONE 'UTC') - payment_timestamp)) < 60"
        " FROM payout_accumulation",
    )

    assert answer.status_code == 200
    assert rows == [(17, None, Decimal("9.69030000"), None, True)]


@pytest.mark.parametrize("generation", list(Generation))
def test_whoever_inserts_the_payment_has_its_dollars_in_both_columns(deployed_url: str, generation: Generation) -> None:
    """On the deployed tables after our migrations: it waits, with a weight, and the neighbour's sum is not NULL."""
    migrate(lambda: open_session(deployed_url))
    with GCAccumulator(database_url=deployed_url, generation=generation) as accumulator:
        assert pay(accumulator).status_code == 200
    rows = query(
        deployed_url,
        "SELECT accumulated_eth, accumulated_amount_usdt, conversion_status, is_conversion_complete"
        " FROM payout_accumulation",
    )
    assert rows == [(Decimal("12.12500000"), Decimal("12.12500000"), "pending", False)]


@pytest.mark.parametrize(
    ("amount", "fee", "expected"),
    [
        ("12.50", "3", "12.125"),
        ("0.01", "3", "0.0097"),
        ("10", "0", "10"),
        ("1", "33.3333333", "0.66666666"),
    ],
)
def test_the_fee_is_rounded_down_to_eight_places(amount: str, fee: str, expected: str) -> None:
    """The rule: amount * (100 - percent) / 100, rounded down."""
    assert after_fee(Decimal(amount), Decimal(fee)) == Decimal(expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"payment_amount_usd": "absent"}, "payment_amount_usd is missing"),
        ({"payment_amount_usd": "ten"}, "payment_amount_usd is not a number"),
        ({"payment_amount_usd": "0"}, "payment_amount_usd must be above 0"),
        ({"payment_amount_usd": "-5"}, "payment_amount_usd must be above 0"),
        ({"payment_amount_usd": "NaN"}, "payment_amount_usd must be above 0"),
        ({"payment_amount_usd": "1e12"}, "payment_amount_usd must be above 0 and at most"),
        ({"payment_amount_usd": "10.005"}, "payment_amount_usd has more than 2 decimal places"),
        ({"client_id": "absent"}, "client_id is missing"),
        ({"client_id": "123456789012345"}, "client_id must be text of at most 14 characters"),
        ({"user_id": "somebody"}, "user_id must be a whole number"),
        ({"user_id": "absent"}, "user_id is missing"),
        ({"subscription_id": 2**31}, "subscription_id must be a whole number"),
        ({"payment_timestamp": "yesterday"}, "payment_timestamp must be like"),
        ({"client_wallet_address": ""}, "client_wallet_address is missing"),
        ({"nowpayments_outcome_amount": "-1"}, "nowpayments_outcome_amount must be above 0"),
    ],
)
def test_bad_input_is_refused_by_name(
    accumulator: GCAccumulator, deployed_url: str, changes: dict[str, Any], message: str
) -> None:
    """400, a message that names the field, and no row."""
    answer = pay(accumulator, **changes)

    assert answer.status_code == 400
    assert answer.json()["status"] == "error"
    assert message in answer.json()["message"]
    assert stored(deployed_url) == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_refused(accumulator: GCAccumulator, body: bytes) -> None:
    """400 and no traceback."""
    answer = requests.post(accumulator.url, data=body, timeout=5)

    assert answer.status_code == 400
    assert "JSON" in answer.json()["message"]


def test_a_database_that_is_down_is_a_503(postgres: Postgres) -> None:
    """The payment is not taken; the caller is told to come again."""
    with Postgres() as server:
        down = server.url()
    nobody = postgres.url("no_such_database")
    for url in (down, nobody):
        with GCAccumulator(database_url=url) as accumulator:
            answer = pay(accumulator)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_it_says_that_it_is_healthy(accumulator: GCAccumulator) -> None:
    """GET /health answers; other paths are not found."""
    assert requests.get(f"{accumulator.url}/health", timeout=5).json() == {"status": "healthy"}
    assert requests.post(f"{accumulator.url}/swap-created", json={}, timeout=5).status_code == 404
