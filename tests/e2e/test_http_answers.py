"""Every answer of swap_executed over HTTP, on both of its paths: JSON, the right status, and nothing written."""

import json
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.wire import faults
from tests.e2e.stage import Stage
from tests.rig import new_id

TX_HASH = "0x" + "ab" * 32
PATHS = ("/", "/swap-executed")
Body = bytes | Callable[[], Iterable[bytes]]


def assert_answer(answer: requests.Response, status_code: int, status: str) -> dict[str, Any]:
    """An answer is a JSON object with a status and a message, and tells nothing of the inside."""
    assert answer.status_code == status_code, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.json()
    assert document["status"] == status
    assert isinstance(document["message"], str)
    assert document["message"]
    assert "Traceback" not in answer.text
    return dict(document)


@pytest.mark.parametrize("path", PATHS)
def test_done_and_done_again(stage: Stage, path: str) -> None:
    """200 with the batch's facts; the same callback again is a 200 that has changed nothing."""
    batch = stage.paid_out_batch()
    token = stage.rig.response(batch, "48.50")
    facts = {
        "batch_conversion_id": str(batch["batch_conversion_id"]),
        "actual_usdt_received": "48.50000000",
        "tx_hash": TX_HASH,
    }
    first = assert_answer(stage.call_back(token, path), 200, "success")
    assert first == facts | {"status": "success", "message": "batch completed", "records_updated": 3}

    before = stage.rows()
    again = assert_answer(stage.call_back(token, path), 200, "success")
    assert again == facts | {
        "status": "success",
        "message": "batch was completed before; nothing changed",
        "records_updated": 0,
    }
    assert stage.rows() == before
    stage.assert_money_in_place()


@pytest.mark.parametrize("path", PATHS)
def test_other_facts_for_a_completed_batch_are_a_409(stage: Stage, path: str) -> None:
    """Another amount, hash or exchange than it was completed with."""
    batch = stage.paid_out_batch()
    stage.call_back(stage.rig.response(batch, "48.50"))
    before = stage.rows()
    for odd in ({"received": 48.6}, {"tx_hash": "0x" + "cd" * 32}, {"cn_api_id": "0123456789abcd"}):
        assert_answer(stage.call_back(stage.rig.response(batch, "48.50", **odd), path), 409, "error")
    assert stage.rows() == before


def chunks(*parts: bytes) -> Callable[[], Iterator[bytes]]:
    """A body sent in chunks, which does not say its length before."""
    return lambda: iter(parts)


UNREADABLE: dict[str, Body] = {
    "nothing": b"",
    "no JSON": b"not JSON",
    "no UTF-8": b'{"token": "\xff\xfe"}',
    "null": b"null",
    "a list": b'["token"]',
    "a number": b"1e400",
    "no token": b"{}",
    "null token": b'{"token": null}',
    "numeric token": b'{"token": 1}',
    "huge number": b'{"token": ' + b"9" * 6000 + b"}",
    "list token": b'{"token": ["x"]}',
    "empty token": b'{"token": ""}',
    "no base64": b'{"token": "no token!"}',
    "surrogate": b'{"token": "\\ud800"}',
    "deeply nested list": b"[" * 16000,
    "deeply nested object": b'{"a":' * 3000,
    "a form": b"token=x",
    "in chunks": chunks(b'{"token', b'": "AAAA', b'"}'),
}
TOO_LARGE: dict[str, Body] = {
    "a token": b'{"token": "' + b"A" * 16384 + b'"}',
    "a megabyte": b"x" * 1024 * 1024,
    "in chunks": chunks(*[b"x" * 1000] * 20),
    "white space in chunks": chunks(b'{"token": "AAAA"}', *[b" " * 4096] * 8),
}


def send(stage: Stage, path: str, body: Body, content_type: str = "application/json") -> requests.Response:
    """Send a body as it is."""
    data = body if isinstance(body, bytes) else body()
    return requests.post(stage.swap_executed.url + path, data=data, headers={"Content-Type": content_type}, timeout=20)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_a_400(stage: Stage, path: str, body: Body) -> None:
    """Not JSON, no token, no token of ours."""
    before = stage.rows()
    assert_answer(send(stage, path, body), 400, "error")
    assert stage.rows() == before
    assert stage.events() == ["callback_refused"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_the_content_type_does_not_matter(stage: Stage, content_type: str) -> None:
    """The body is read as JSON, whatever it is called."""
    batch = stage.paid_out_batch()
    body = json.dumps({"token": stage.rig.response(batch, "48.50")}).encode()
    assert_answer(send(stage, "/", body, content_type), 200, "success")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_a_body_that_is_too_large_is_a_413(stage: Stage, path: str, body: Body) -> None:
    """Also one that does not say its length before; the answer arrives, and the next request is as good as any."""
    with requests.Session() as session:
        data = body if isinstance(body, bytes) else body()
        assert_answer(session.post(stage.swap_executed.url + path, data=data, timeout=20), 413, "error")
        assert session.get(stage.swap_executed.url + "/health", timeout=20).status_code == 200
    assert stage.events() == ["callback_refused"]


BROKEN = {
    "half the length": b"Content-Length: 100\r\n\r\n{}",
    "half a chunk": b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
    "no chunk": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
}


@pytest.mark.parametrize("rest", BROKEN.values(), ids=BROKEN.keys())
def test_a_body_that_does_not_arrive_whole_is_a_400(stage: Stage, rest: bytes) -> None:
    """The peer went away in the middle: no error of ours, and one line that says so."""
    address = urlsplit(stage.swap_executed.url)
    with socket.create_connection((str(address.hostname), address.port or 0), 10) as connection:
        connection.sendall(b"POST /swap-executed HTTP/1.1\r\nHost: x\r\n" + rest)
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(4096)
    assert stage.events() == ["callback_refused"]


@pytest.mark.parametrize("path", PATHS)
def test_a_bad_signature_or_age_is_a_401(stage: Stage, path: str) -> None:
    """Another key, a changed byte, older than 25 hours, from the future."""
    batch = stage.paid_out_batch()
    rig = stage.rig
    before = stage.rows()
    for token in (
        rig.response(batch, "48.50", key="another-key"),
        rig.response(batch, "48.50", sent_at=rig.clock() - timedelta(hours=25, seconds=30)),
        rig.response(batch, "48.50", sent_at=rig.clock() + timedelta(seconds=120)),
    ):
        assert_answer(stage.call_back(token, path), 401, "error")
    assert stage.rows() == before
    assert_answer(
        stage.call_back(rig.response(batch, "48.50", sent_at=rig.clock() - timedelta(hours=24))), 200, "success"
    )


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_batch_is_a_404(stage: Stage, path: str) -> None:
    """A well-signed callback about a batch that nobody made."""
    batch = stage.paid_out_batch()
    before = stage.rows()
    token = stage.rig.response(batch, "48.50", batch_conversion_id=new_id())
    assert_answer(stage.call_back(token, path), 404, "error")
    assert stage.rows() == before


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "odd",
    [
        {"received": float("nan")},
        {"received": float("inf")},
        {"received": float("-inf")},
        {"received": -48.5},
        {"received": 0.0},
        {"received": 5e-324},
        {"received": 1e300},
        {"tx_hash": ""},
        {"tx_hash": " "},
        {"tx_hash": "a\nb"},
        {"tx_hash": "\x00"},
        {"cn_api_id": ""},
        {"batch_conversion_id": "42"},
        {"batch_conversion_id": ""},
        {"batch_conversion_id": "{0}"},
        {"batch_conversion_id": "0" * 32},
    ],
    ids=str,
)
def test_impossible_values_are_a_422(stage: Stage, path: str, odd: dict[str, Any]) -> None:
    """Well signed, but no such amount, hash or id can exist."""
    batch = stage.paid_out_batch()
    before = stage.rows()
    assert_answer(stage.call_back(stage.rig.response(batch, "48.50", **odd), path), 422, "error")
    assert stage.rows() == before


@pytest.mark.parametrize("path", PATHS)
def test_what_contradicts_what_is_known_is_a_409(stage: Stage, path: str) -> None:
    """Another exchange, another amount, a batch that has failed, an exchange without a payout."""
    rig = stage.rig
    batch = stage.paid_out_batch()
    before = stage.money()
    for odd in ({"cn_api_id": "0123456789abcd"}, {"received": 48.500002}, {"received": 48.499998}):
        assert_answer(stage.call_back(rig.response(batch, "48.50", **odd), path), 409, "error")
    assert stage.money() == before

    refunded = stage.open_batch("30.00")
    rig.peers.exchange.refund(refunded["cn_api_id"])
    assert_answer(stage.call_back(rig.response(refunded, "29.00"), path), 409, "error")
    assert "paid_after_failure" not in stage.events()
    rig.sql("UPDATE batch_conversions SET conversion_status = 'failed' WHERE id = %s", refunded["id"])
    assert_answer(stage.call_back(rig.response(refunded, "29.00"), path), 409, "error")


@pytest.mark.parametrize("path", PATHS)
def test_not_finished_at_changenow_is_a_503(stage: Stage, path: str) -> None:
    """Nothing is known to be wrong: with Retry-After, so that Cloud Tasks sends it again; then it is done."""
    batch = stage.open_batch("30.00")
    before = stage.rows()
    token = stage.rig.response(batch, "29.00")
    answer = stage.call_back(token, path)
    assert_answer(answer, 503, "error")
    assert int(answer.headers["Retry-After"]) > 0
    assert stage.rows() == before
    stage.rig.pay_out(batch, "29.00")
    assert assert_answer(stage.call_back(token, path), 200, "success")["records_updated"] == 1


def test_changenow_down_is_a_503(stage: Stage) -> None:
    """A dependency's trouble is no fault of the callback's."""
    batch = stage.paid_out_batch()
    before = stage.rows()
    stage.rig.peers.exchange.faults.add(method="GET /exchange/by-id", action=faults.body(b"<html>down</html>"))
    answer = stage.call_back(stage.rig.response(batch, "48.50"))
    assert_answer(answer, 503, "error")
    assert int(answer.headers["Retry-After"]) > 0
    assert stage.rows() == before
    assert stage.events()[-1] == "callback_deferred"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_a_405(stage: Stage, method: str) -> None:
    """Callbacks are posted, health is asked for; Allow says which."""
    for path, allowed in (("/", "POST"), ("/swap-executed", "POST"), ("/health", "GET, HEAD")):
        if path == "/health" and method in ("GET", "HEAD"):
            continue
        answer = requests.request(method, stage.swap_executed.url + path, timeout=20)
        if method == "HEAD":
            assert (answer.status_code, answer.content) == (405, b"")
        else:
            assert_answer(answer, 405, "error")
        assert answer.headers["Allow"] == allowed


def test_posting_to_health_or_elsewhere_is_refused(stage: Stage) -> None:
    """405 where the path is known, 404 where it is not."""
    answer = requests.post(stage.swap_executed.url + "/health", json={}, timeout=20)
    assert_answer(answer, 405, "error")
    for path in ("/swap_executed", "/swap-executed/x", "/health/x", "/%ff", "/admin"):
        assert_answer(requests.post(stage.swap_executed.url + path, json={}, timeout=20), 404, "error")


def test_health_answers_for_the_database(stage: Stage) -> None:
    """200 while the database answers; what it says while it does not is shown with the outages."""
    answer = stage.health()
    assert (answer.status_code, answer.json()["status"]) == (200, "healthy")
    assert requests.head(stage.swap_executed.url + "/health", timeout=20).status_code == 200


def test_a_batch_that_is_locked_is_waited_for(stage: Stage) -> None:
    """A check that settles the batch at this moment holds its row; the callback goes on when it is done."""
    batch = stage.paid_out_batch()
    stage.rig.sql("BEGIN")
    stage.rig.sql("SELECT 1 FROM batch_conversions FOR UPDATE")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(stage.call_back, stage.rig.response(batch, "48.50"))
        time.sleep(0.3)
        assert not waiting.done()
        stage.rig.sql("ROLLBACK")
        assert assert_answer(waiting.result(), 200, "success")["records_updated"] == 3


def test_eight_identical_callbacks_at_once_settle_once(stage: Stage) -> None:
    """One of them writes; the others are told that it is done, or to come again; the shares are written once."""
    batch = stage.paid_out_batch()
    token = stage.rig.response(batch, "48.50")
    stage.rig.sql("BEGIN")
    stage.rig.sql("SELECT 1 FROM payout_accumulation FOR UPDATE")  # so that all of them meet at the distribution
    with ThreadPoolExecutor(8) as pool:
        deliveries = [pool.submit(stage.call_back, token) for _ in range(8)]
        time.sleep(0.5)
        stage.rig.sql("ROLLBACK")
        answers = [delivery.result() for delivery in deliveries]
    assert {answer.status_code for answer in answers} <= {200, 503}
    updated = [answer.json()["records_updated"] for answer in answers if answer.status_code == 200]
    assert sorted(updated)[-1] == 3
    assert sum(updated) == 3
    stage.assert_money_in_place()
    changes = stage.rig.sql("SELECT to_status FROM batch_state_changes WHERE to_status = 'completed'")
    assert len(changes) == 1
    assert stage.events().count("batch_completed") == 1
