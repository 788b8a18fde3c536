"""Whatever comes in over the wire: the right status, no stack trace, no secret in a log, and the money where it was."""

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox import faults
from sandbox.http_service import Request
from tests.e2e.stage import EVENT_HEADERS, PATIENCE_S, POLICY, Stage
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
    """It is refused with 4xx, without a stack trace of the framework's, and nobody looks at the payments."""
    assert 400 <= post(stage, body, headers).status_code < 500
    assert stage.written() == []
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
    stage.rig.peers.secrets.disable(PROJECT, "MICRO_BATCH_THRESHOLD_USD")
    assert stage.tick().status_code == 200
    stage.rig.peers.secrets.delete_secret(PROJECT, "MICRO_BATCH_THRESHOLD_USD")
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
    (line,) = (line for line in stage.spoken() if line.get("event") == "payments_unclaimable")
    assert line["payments"] == 5
    stage.assert_money_in_place()


@pytest.mark.parametrize("eth", ["0", "-1", "NaN", "Infinity", "1234567.000000000000000001"])
def test_odd_ether_of_a_payment(stage: Stage, eth: str) -> None:
    """What a payment claims to have brought in is used where it can be true; the guard refuses the rest."""
    stage.rig.pay("30.00", eth=None if eth == "Infinity" else eth)  # the column holds no infinity
    assert stage.tick().status_code == 200
    expected = "quote_refused" if eth.startswith("123") else "threshold_reached"
    assert stage.reason() == expected
    assert all(order.from_amount < 1 for order in stage.rig.orders())


def test_more_dollars_than_a_batch_can_hold(stage: Stage) -> None:
    """Two payments of almost a trillion dollars each are somebody's mistake: no batch, and a check that ends well."""
    stage.rig.pay("999999999999.00", "999999999999.00")
    assert stage.tick().status_code == 200
    assert (stage.reason(), stage.rig.batches()) == ("above_batch_cap", [])


# ChangeNow

RANGE, ESTIMATE, CREATE, BY_ID = (
    "GET /exchange/range",
    "GET /exchange/estimated-amount",
    "POST /exchange",
    "GET /exchange/by-id",
)
NONSENSE: dict[str, faults.Action] = {
    "HTML": faults.body(b"<html><body>502 Bad Gateway</body></html>"),
    "HTML with 404": faults.status(404, {"Content-Type": "text/html"}, "<html>not here</html>"),
    "truncated": faults.body(b'{"id": "01234567890'),
    "nothing": faults.body(b""),
    "null": faults.body(b"null"),
    "a list": faults.body(b"[]"),
    "an empty object": faults.body(b"{}"),
    "no UTF-8": faults.body(b'{"toAmount": "\xff"}'),
    "nested too deeply": faults.body(b"[" * 100_000),
    "odd types": faults.body(
        b'{"id": 1, "status": {}, "toAmount": [], "minAmount": true, "payinAddress": null, "amountTo": {}}'
    ),
    "NaN": faults.body(b'{"toAmount": NaN, "minAmount": NaN, "amountTo": NaN, "status": "finished"}'),
    "Infinity": faults.body(
        b'{"toAmount": Infinity, "minAmount": -Infinity, "amountTo": Infinity, "status": "finished"}'
    ),
    "negative": faults.body(b'{"toAmount": -1, "minAmount": -1, "amountTo": -1, "status": "finished"}'),
    "larger than anything": faults.body(
        b'{"toAmount": 1e400, "minAmount": 1e400, "amountTo": 1e400, "status": "finished"}'
    ),
    "larger than that": faults.body(
        b'{"toAmount": 1e99999999, "minAmount": 1e99999999, "amountTo": 1e99999999, "status": "finished"}'
    ),
    "a text as number": faults.body(
        b'{"toAmount": "abc", "minAmount": "abc", "amountTo": "abc", "status": "finished"}'
    ),
    "a stranger's status": faults.status(418, body='{"error": "teapot"}'),
    "429 with an odd Retry-After": faults.status(429, {"Retry-After": "soon"}),
    "redirect": faults.status(302, {"Location": "http://127.0.0.1:9/"}),
    "401": faults.status(401, body='{"error": "unauthorized", "message": "bad key"}'),
}
PASSING: dict[str, tuple[faults.Action, int]] = {
    "429 with Retry-After": (faults.status(429, {"Retry-After": "1"}, '{"error": "rate_limited"}'), 1),
    "429 without": (faults.status(429, body='{"error": "rate_limited"}'), 1),
    "500": (faults.status(500), 1),
    "503 with HTML": (faults.status(503, body="<html>"), 1),
    "cut": (faults.cut, 1),
}


def tick_and_heal(stage: Stage) -> str:
    """Run a check that meets a fault, then one that meets none; returns the first one's reason."""
    assert stage.tick().status_code == 200
    reason = stage.reason()
    stage.assert_money_in_place()
    stage.rig.peers.exchange.faults.clear()
    assert stage.tick().status_code == 200
    stage.assert_ordered_once()
    stage.spoken()
    return reason


@pytest.mark.parametrize("method", [RANGE, ESTIMATE, CREATE])
@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_from_changenow_stops_a_check_and_the_next_goes_on(stage: Stage, name: str, method: str) -> None:
    """No answer in ChangeNow's language is no answer: nothing ordered, the check ends well, the next one heals it."""
    stage.rig.pay("10.00", "15.00")
    stage.rig.peers.exchange.faults.add(method=method, action=NONSENSE[name])
    reason = tick_and_heal(stage)
    if (method, name) == (RANGE, "an empty object"):  # no minimum and no maximum: a range after all
        assert reason == "threshold_reached"
    elif method == CREATE:  # the payments are claimed by then
        assert "exchange_unavailable" in stage.events() or "batch_failed" in stage.events()
    else:
        assert reason in ("exchange_unavailable", "exchange_refused")


@pytest.mark.parametrize("method", [RANGE, ESTIMATE, CREATE, BY_ID])
@pytest.mark.parametrize("name", PASSING)
def test_passing_trouble_is_waited_out_where_that_is_safe(stage: Stage, name: str, method: str) -> None:
    """Reading is repeated at once; making an exchange only where surely none was made."""
    action, times = PASSING[name]
    if method == BY_ID:
        batch = stage.paid_out_batch()
        stage.rig.peers.exchange.faults.add(method=method, action=action, times=times)
        assert stage.call_back(stage.rig.response(batch, "48.50")).status_code == 200
        return
    stage.rig.pay("10.00", "15.00")
    stage.rig.peers.exchange.faults.add(method=method, action=action, times=times)
    assert stage.tick().status_code == 200
    repeated = method != CREATE or name.startswith("429")
    assert (stage.rig.orders() != []) == repeated
    stage.tick()
    stage.assert_ordered_once()


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_from_changenow_defers_a_callback(stage: Stage, name: str) -> None:
    """503 with Retry-After, nothing written; the next delivery is as good as the first."""
    batch = stage.paid_out_batch()
    before = stage.rows()
    stage.rig.peers.exchange.faults.add(method=BY_ID, action=NONSENSE[name])
    token = stage.rig.response(batch, "48.50")
    answer = stage.call_back(token)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert stage.rows() == before
    assert stage.call_back(token).json()["records_updated"] == 3
    stage.spoken()


def test_a_changenow_that_stays_away_is_given_up_in_time(stage: Stage) -> None:
    """Silence, and 503 however often it is asked: bounded attempts, then the next check."""
    stage.rig.pay("10.00", "15.00")
    for action in (faults.hang, faults.status(503)):
        stage.rig.peers.exchange.faults.add(method=RANGE, action=action, times=9)
        answer = stage.tick(timeout_s=20)
        assert (answer.status_code, stage.reason()) == (200, "exchange_unavailable")
        stage.rig.peers.exchange.faults.clear()
    stage.tick()
    stage.assert_ordered_once()


@pytest.mark.parametrize(
    "action", [faults.cut_after, faults.delay(1.5), faults.hang], ids=["cut off", "slow", "silent"]
)
def test_an_exchange_whose_answer_is_lost_is_made_anew_and_paid_once(stage: Stage, action: faults.Action) -> None:
    """ChangeNow may have made it: nobody pays it, the next check makes another, and that one is ordered."""
    stage.rig.pay("10.00", "15.00")
    stage.rig.peers.exchange.faults.add(method=CREATE, action=action)
    assert stage.tick().status_code == 200
    assert (stage.rig.orders(), stage.rig.batches()[0]["cn_api_id"]) == ([], None)
    stage.tick()
    stage.assert_ordered_once()


def asks_for_ether(request: object) -> bool:
    """Whether dollars are to be estimated in ETH."""
    return isinstance(request, Request) and request.query.get("fromCurrency") == "usdt"


@pytest.mark.parametrize("number", [b"83e-4", b"8.3E-03", b'"0.0083"', b'" 8.3e-3 "', b"0.008300000000000000000000001"])
def test_numbers_in_any_notation_are_the_same_number(stage: Stage, number: bytes) -> None:
    """Exponents and texts are read exactly; what goes out is plain digits, cut to eight decimals."""
    stage.rig.pay("25.00")
    faulty = stage.rig.peers.exchange.faults
    faulty.add(method=ESTIMATE, action=faults.body(b'{"toAmount": %s}' % number), where=asks_for_ether)
    faulty.add(method=RANGE, action=faults.body(b'{"minAmount": 5E-4, "maxAmount": 1e+3}'))
    stage.tick()
    assert stage.assert_ordered_once()["amount_eth"] == Decimal("0.0083")
    assert stage.rig.orders()[0].from_amount == Decimal("0.0083")


def test_two_estimates_that_agree_on_nonsense(stage: Stage) -> None:
    """A hundred million million ETH for $25, said to be worth $25: no order, and a check that ends well."""
    stage.rig.pay("25.00")
    faulty = stage.rig.peers.exchange.faults
    faulty.add(method=ESTIMATE, action=faults.body(b'{"toAmount": 1e14}'), where=asks_for_ether)
    faulty.add(method=ESTIMATE, action=faults.body(b'{"toAmount": 25}'))
    assert stage.tick().status_code == 200
    assert stage.rig.batches() == []
    stage.rig.peers.exchange.faults.clear()
    stage.tick()
    stage.assert_ordered_once()


@pytest.mark.parametrize("payin_hash", [b'{"a": 1}', b"7", b'"a\\u0000b"', b'"' + b"x" * 300 + b'"'], ids=repr)
def test_an_odd_hash_from_changenow_does_not_hold_up_a_callback(stage: Stage, payin_hash: bytes) -> None:
    """The hash that counts is the callback's."""
    batch = stage.paid_out_batch()
    answer = b'{"id": "%s", "status": "finished", "amountTo": 485e-1, "payinHash": %s}'
    body = answer % (batch["cn_api_id"].encode(), payin_hash)
    stage.rig.peers.exchange.faults.add(method=BY_ID, action=faults.body(body))
    assert stage.call_back(stage.rig.response(batch, "48.50")).status_code == 200


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
    stage.rig.peers.exchange.faults.add(method=RANGE, action=faults.status(400, body=refusal))
    stage.tick()
    batch = {"batch_conversion_id": f"x{forged}"[:36], "cn_api_id": f"y{forged}"}
    assert stage.call_back(stage.rig.response(batch, "1")).status_code == 422
    assert all(line["message"] != "forged" for line in stage.spoken())


def test_a_policy_with_a_secrets_text_is_not_told(stage: Stage) -> None:
    """Somebody stores a key in the wrong secret: the warning does not repeat it."""
    stage.rig.set_threshold("signing-key-for-tests")
    stage.rig.peers.secrets.add_version(PROJECT, POLICY, '{"signing-key-for-tests": 1}')
    stage.tick()
    assert stage.events() == ["policy_fallback", "threshold_fallback", "check_completed"]
