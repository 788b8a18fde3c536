"""ChangeNow's answers, however odd: a clear outcome, no money lost, nothing ordered that was not meant."""

from decimal import Decimal

import pytest

from sandbox.wire import faults
from sandbox.wire.http_server import Request
from tests.e2e.stage import Stage

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
    "redirect": faults.status(302, {"Location": "http://127.0.0.1:9/"}),
    "401": faults.status(401, body='{"error": "unauthorized", "message": "bad key"}'),
}
PASSING: dict[str, tuple[faults.Action, int]] = {
    "429 with Retry-After": (faults.status(429, {"Retry-After": "1"}, '{"error": "rate_limited"}'), 1),
    "429 with an odd Retry-After": (faults.status(429, {"Retry-After": "soon"}), 1),
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
    "action", [faults.lose_answer, faults.delay(4.5), faults.hang], ids=["cut off", "slow", "silent"]
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
