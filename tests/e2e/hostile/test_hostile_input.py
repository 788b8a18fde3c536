"""Whatever callers, secrets and rows hold: the right status, no stack trace, no secret told, the money untouched."""

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox.wire import faults
from shared.model.policy import POLICY_SECRET, THRESHOLD_SECRET
from tests.e2e.stage import EVENT_HEADERS, PATIENCE_S, Stage
from tests.rig import PROJECT, decode, encode, response_payload, sign

GOOD = {"message": {"messageId": "1", "data": "Y2hlY2s="}, "subscription": "s"}
STRUCTURED = {"specversion": "1.0", "id": "1", "source": "//x", "type": "t"}


def post(stage: Stage, body: bytes, headers: dict[str, str]) -> requests.Response:
    """Send a request to check_threshold as it is."""
    return requests.post(stage.check_threshold.url, data=body, headers=headers, timeout=PATIENCE_S)


# Events


ODD_TICKS = {
    "nothing": b"",
    "no JSON": b"not JSON",
    "no UTF-8": b"\xff\xfe\x00",
    "null": b"null",
    "a list": b"[1]",
    "a number": b"1",
    "a text": b'"x"',
    "NaN": b"NaN",
    "no message": b"{}",
    "null message": b'{"message": null}',
    "a text as message": b'{"message": "x"}',
    "odd attributes": b'{"message": {"attributes": [1]}}',
    "null attributes": b'{"message": {"attributes": null}}',
    "odd force": b'{"message": {"attributes": {"force": {"true": "true"}}}}',
    "bad base64": b'{"message": {"data": "%%%"}}',
    "data that is no JSON": b'{"message": {"data": "' + base64.b64encode(b"\xff{") + b'"}}',
    "a number as data": b'{"message": {"data": 1}}',
    "a lone surrogate": b'{"message": {"data": "\\ud800"}}',
}


@pytest.mark.parametrize("body", ODD_TICKS.values(), ids=ODD_TICKS.keys())
def test_an_odd_tick_is_a_tick(stage: Stage, body: bytes) -> None:
    """A tick says nothing but that it is time to look; what stands in it cannot keep a check from running."""
    stage.rig.pay("10.00")
    assert post(stage, body, EVENT_HEADERS).status_code == 200
    assert stage.reason() == "below_threshold"
    assert stage.events() == ["check_completed"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/octet-stream", "multipart/form-data", "image/png", "application/json; charset=x", ""],
)
def test_a_tick_of_another_content_type_is_a_tick(stage: Stage, content_type: str) -> None:
    """Whatever the event is said to be."""
    answer = post(stage, json.dumps(GOOD).encode(), {**EVENT_HEADERS, "Content-Type": content_type})
    assert answer.status_code == 200
    assert stage.events() == ["check_completed"]


NO_EVENTS: dict[str, tuple[bytes, dict[str, str]]] = {
    "nothing": (b"", {}),
    "an empty JSON": (b"", {"Content-Type": "application/json"}),
    "no event": (b"{}", {"Content-Type": "application/json"}),
    "a list": (b"[1]", {"Content-Type": "application/json"}),
    "a text": (b'"x"', {"Content-Type": "application/json"}),
    "no UTF-8": (b"\xff\xfe", {"Content-Type": "application/json"}),
    "nested too deeply": (b"[" * 100_000, {"Content-Type": "application/json"}),
    "nested too deeply inside": (b"[" * 100_000, dict(EVENT_HEADERS)),
    "odd context": (b'{"context": 1, "data": 1}', {"Content-Type": "application/json"}),
    "a form": (b"message=x", {"Content-Type": "application/x-www-form-urlencoded"}),
    "version 9": (
        json.dumps({**STRUCTURED, "specversion": "9"}).encode(),
        {"Content-Type": "application/cloudevents+json"},
    ),
    "odd version": (
        json.dumps({**STRUCTURED, "specversion": []}).encode(),
        {"Content-Type": "application/cloudevents+json"},
    ),
    "odd data": (
        json.dumps({**STRUCTURED, "data_base64": 1}).encode(),
        {"Content-Type": "application/cloudevents+json"},
    ),
    "no id": (b'{"specversion": "1.0"}', {"Content-Type": "application/cloudevents+json"}),
    "a batch": (json.dumps([STRUCTURED]).encode(), {"Content-Type": "application/cloudevents-batch+json"}),
}


@pytest.mark.parametrize(("body", "headers"), NO_EVENTS.values(), ids=NO_EVENTS.keys())
def test_what_is_no_event_starts_no_check(stage: Stage, body: bytes, headers: dict[str, str]) -> None:
    """It is refused with 4xx and one line, without a stack trace of the framework's; nobody looks at the payments."""
    assert 400 <= post(stage, body, headers).status_code < 500
    assert stage.events() == ["request_unreadable"]
    assert stage.rig.checks() == []


# Thresholds and policies


@pytest.mark.parametrize(
    "payload",
    [
        b"abc",
        b"\n",  # Secret Manager itself refuses an empty one
        b"-5",
        b"0",
        b"0.00",
        b"NaN",
        b"sNaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"9" * 60,
        b"20,00",
        b"$20",
        b"0x14",
        b"2_0",
        b"\xff\xfe2\x000\x00",
        "٢٠".encode(),
        b"20\x0000",
        b"20.00\n25.00",
    ],
    ids=repr,
)
def test_a_bad_threshold_leaves_the_last_valid_one_in_force(stage: Stage, payload: bytes) -> None:
    """The check ends well, with a warning; $24.99 against the $25 of the check before stays where it is."""
    stage.rig.set_threshold("25.00")
    stage.rig.pay("24.99")
    assert stage.tick().status_code == 200
    stage.rig.set_threshold(payload)
    assert stage.tick().status_code == 200
    assert [row["threshold_source"] for row in stage.rig.checks()] == ["secret", "last_valid"]
    assert stage.reason() == "below_threshold"
    assert stage.events() == ["check_completed", "threshold_fallback", "check_completed"]


@pytest.mark.parametrize("payload", [b"25.00\n", b" 25 ", b"\t2.5e1\r\n"], ids=repr)
def test_white_space_around_a_threshold_is_no_harm(stage: Stage, payload: bytes) -> None:
    """Secrets written with echo end in a newline."""
    stage.rig.set_threshold(payload)
    assert stage.open_batch("25.00")["threshold_at_creation"] == 25
    assert "threshold_fallback" not in stage.events()


@pytest.mark.parametrize(
    "payload",
    [
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b'{"pause": true}',
        b'{"paused": "yes"}',
        b'{"max_batch_usd": NaN}',
        b"[" * 60_000,
    ],
    ids=lambda payload: repr(payload[:30]),
)
def test_a_bad_policy_is_refused_whole(stage: Stage, payload: bytes) -> None:
    """The last valid one stays: here a pause."""
    stage.rig.set_policy('{"paused": true}')
    stage.rig.pay("30.00")
    stage.tick()
    stage.rig.set_policy(payload)
    assert stage.tick().status_code == 200
    assert [row["reason"] for row in stage.rig.checks()] == ["paused", "paused"]
    assert stage.events() == ["check_completed", "policy_fallback", "check_completed"]


def test_secrets_that_cannot_be_read(stage: Stage) -> None:
    """A disabled version and a deleted secret: the check runs on the last valid threshold."""
    stage.rig.pay("24.99")
    stage.rig.set_threshold("25.00")
    stage.tick()
    stage.rig.peers.secrets.disable(PROJECT, THRESHOLD_SECRET)
    assert stage.tick().status_code == 200
    stage.rig.peers.secrets.delete_secret(PROJECT, THRESHOLD_SECRET)
    assert stage.tick().status_code == 200
    assert [row["threshold_source"] for row in stage.rig.checks()] == ["secret", "last_valid", "last_valid"]
    assert {row["threshold_usd"] for row in stage.rig.checks()} == {Decimal(25)}


# Rows


def test_rows_without_usable_dollars_are_counted_and_left(stage: Stage) -> None:
    """NULL, zero, negative and NaN dollars, and no time of arrival: never claimed, and said."""
    stage.rig.pay("30.00")
    for dollars in ("NULL", "0", "-5", "'NaN'"):
        (payment,) = stage.rig.pay("1.00")
        stage.rig.sql(f"UPDATE payout_accumulation SET accumulated_eth = {dollars} WHERE id = {payment}")
    (payment,) = stage.rig.pay("50.00")
    stage.rig.sql(f"UPDATE payout_accumulation SET created_at = NULL WHERE id = {payment}")
    assert stage.tick().status_code == 200
    assert [row["conversion_status"] for row in stage.rig.payments()] == ["swapping"] + ["pending"] * 5
    assert stage.rig.batches()[0]["total_eth_usd"] == 30
    assert stage.rig.checks()[-1]["unclaimable_payments"] == 5
    lines = [line for line in stage.spoken() if line.get("event") == "payments_unclaimable"]
    assert {line["reason"]: line["payments"] for line in lines} == {"no_dollars": 4, "no_time": 1}
    stage.assert_money_in_place()


@pytest.mark.parametrize("eth", ["0", "-1", "NaN", "Infinity", "1234567.000000000000000001"])
def test_odd_ether_of_a_payment(stage: Stage, eth: str) -> None:
    """What a payment claims to have brought in is used where it can be true; what it is not worth is left out."""
    stage.rig.pay("30.00", eth=None if eth == "Infinity" else eth)  # the column holds no infinity
    assert stage.tick().status_code == 200
    expected = "below_threshold" if eth.startswith("123") else "threshold_reached"
    assert stage.reason() == expected
    assert all(order.from_amount < 1 for order in stage.rig.orders())


def test_more_dollars_than_a_batch_can_hold(stage: Stage) -> None:
    """Two payments of almost a trillion dollars each are somebody's mistake: never claimed, and told."""
    stage.rig.pay("999999999999.00", "999999999999.00")
    assert stage.tick().status_code == 200
    assert (stage.reason(), stage.rig.batches()) == ("below_threshold", [])
    assert stage.rig.checks()[-1]["unclaimable_payments"] == 2


# Tokens


def test_every_changed_byte_and_every_cut_of_a_token_is_refused(stage: Stage) -> None:
    """400 or 401 each time, nothing written, and no token in a log."""
    batch = stage.paid_out_batch()
    raw = decode(stage.rig.response(batch, "48.50"))
    before = stage.money()
    changed = [encode(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]) for place in range(len(raw))]
    cut = [encode(raw[:length]) for length in range(0, len(raw), 5)]
    statuses = [stage.call_back(token).status_code for token in (*changed, *cut)]
    assert set(statuses[: len(raw)]) == {401}
    assert set(statuses) == {400, 401}
    assert stage.money() == before
    assert stage.events().count("callback_refused") == len(statuses)


def test_signed_payloads_of_any_shape_are_refused(stage: Stage) -> None:
    """Re-signed with the right key: cut anywhere, with bytes too many, with odd texts; 4xx and nothing written."""
    batch = stage.paid_out_batch()
    facts: dict[str, Any] = {
        "batch_conversion_id": str(batch["batch_conversion_id"]),
        "cn_api_id": batch["cn_api_id"],
        "tx_hash": "0x" + "ab" * 32,
        "received": 48.5,
        "sent_at": stage.rig.clock(),
    }
    payload = response_payload(**facts)
    before = stage.money()
    shapes = [payload[:length] for length in range(0, len(payload), 3)]
    shapes += [payload + b"\0", b"\xff" + payload, b"\x01\xff" + payload, payload[:-16] + b"\xff" * 16, b"\0" * 19]
    shapes += [response_payload(**facts | {"tx_hash": text}) for text in ("\u202e", "a\x00b", "\n", " x", "é" * 100)]
    shapes += [response_payload(**facts | {"cn_api_id": text}) for text in ("'; DROP TABLE", "a\x00b", "{}", "%s")]
    refused = [stage.call_back(sign(shape)).status_code for shape in shapes]
    assert set(refused) <= {400, 401, 404, 409, 422} | {200}
    assert refused.count(200) == 1  # a hash of letters beyond ASCII is odd, but the batch's facts are right
    assert stage.money() != before
    stage.assert_money_in_place()


def test_what_goes_into_a_log_keeps_its_line(stage: Stage) -> None:
    """Line ends and quotes in what a peer sends cannot forge a log line."""
    forged = '\n{"severity": "CRITICAL", "message": "forged", "time": "now"}\n'
    stage.rig.pay("25.00")
    refusal = json.dumps({"error": f"bad{forged}", "message": forged})
    stage.rig.peers.exchange.faults.add(method="GET /exchange/range", action=faults.status(400, body=refusal))
    stage.tick()
    batch = {"batch_conversion_id": f"x{forged}"[:36], "cn_api_id": f"y{forged}"}
    assert stage.call_back(stage.rig.response(batch, "1")).status_code == 422
    assert all(line["message"] != "forged" for line in stage.spoken())


def test_a_policy_with_a_secrets_text_is_not_told(stage: Stage) -> None:
    """Somebody stores a key in the wrong secret: the warning does not repeat it."""
    stage.rig.set_threshold("signing-key-for-tests")
    stage.rig.peers.secrets.add_version(PROJECT, POLICY_SECRET, '{"signing-key-for-tests": 1}')
    stage.tick()
    assert stage.events() == ["policy_fallback", "threshold_fallback", "check_completed"]
