"""Forty strangers at the door: a callback is answered all the same, they cost nothing, and they are shown the door."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from sandbox.world.function_process import CHECK_THRESHOLD, SWAP_EXECUTED, FunctionProcess, Target
from shared.serving.arrivals import REQUEST_WITHIN_S
from tests.e2e.hostile.strangers import WAYS, Stranger, get_address, strangers
from tests.e2e.stage import EVENT_HEADERS, Stage

STRANGERS = 40
CALLBACK_WITHIN_S = 10
STOP_WITHIN_S = 10
BODY_BYTES = 300 * 1024 * 1024
GROWTH_MAX_BYTES = 24 * 1024 * 1024
PART = bytes(1024 * 1024)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[FunctionProcess]:
    """A swap_executed without settings: whatever stands before the function is the same."""
    function = FunctionProcess(SWAP_EXECUTED, {}, tmp_path)
    function.start()
    function.ready()
    yield function
    function.kill()


@pytest.mark.slow
def test_a_callback_is_answered_whatever_forty_strangers_do(stage: Stage) -> None:
    """Silent, halting or dripping in every way, coming again when sent away: each callback is done in time."""
    batch = stage.paid_out_batch()
    token = stage.rig.response(batch, "48.50")
    took_s = []
    with strangers(stage.swap_executed, STRANGERS) as crowd:
        until_s = time.monotonic() + 2 * REQUEST_WITHIN_S
        while time.monotonic() < until_s:
            began_s = time.monotonic()
            assert stage.call_back(token, timeout_s=CALLBACK_WITHIN_S).status_code == 200
            took_s.append(time.monotonic() - began_s)
            time.sleep(0.2)
        assert all(each.visits for each in crowd)
        assert sum(each.visits for each in crowd) > STRANGERS  # they were sent away, and came again
    assert max(took_s) < CALLBACK_WITHIN_S
    stage.assert_money_in_place()


@pytest.mark.slow
def test_nobody_stays_longer_than_a_request_may_take(alone: FunctionProcess) -> None:
    """Each way of taking one's time ends after five seconds, and what can be answered is."""

    def stay(way: str) -> tuple[str, float]:
        began_s = time.monotonic()
        visitor = Stranger(alone, way)
        visitor.start()
        while visitor.visits < 2 and time.monotonic() - began_s < 4 * REQUEST_WITHIN_S:
            time.sleep(0.05)
        visitor.stop()
        return way, time.monotonic() - began_s

    with ThreadPoolExecutor(len(WAYS)) as pool:
        stayed_s = dict(pool.map(stay, WAYS))
    assert max(stayed_s.values()) < REQUEST_WITHIN_S + 4, stayed_s
    refusals = {line["refusal"] for line in alone.log_lines if "refusal" in line}
    assert "request_late" in refusals
    assert refusals <= {"request_late", "body_incomplete"}  # the latter by who left in the middle of it


def children(process_id: int) -> list[int]:
    """The processes that a process has started."""
    return [int(text) for text in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]


def master_and_worker(function: FunctionProcess) -> tuple[int, int]:
    """gunicorn's two processes."""
    assert function.process_id is not None
    (master,) = children(function.process_id)
    (worker,) = children(master)
    return master, worker


@pytest.mark.slow
@pytest.mark.parametrize("target", [SWAP_EXECUTED, CHECK_THRESHOLD], ids=lambda target: target.name)
def test_forty_strangers_do_not_hold_up_the_end(target: Target, tmp_path: Path) -> None:
    """SIGTERM, as the platform sends it ten seconds before SIGKILL: the process ends by itself."""
    function = FunctionProcess(target, {}, tmp_path)
    function.start()
    function.ready()
    master, worker = master_and_worker(function)
    with strangers(function, STRANGERS):
        time.sleep(1)
        began_s = time.monotonic()
        os.kill(master, signal.SIGTERM)
        while Path(f"/proc/{worker}").exists() and time.monotonic() - began_s < 2 * STOP_WITHIN_S:
            time.sleep(0.05)
        took_s = time.monotonic() - began_s
    function.kill()
    assert took_s < STOP_WITHIN_S
    assert "SIGKILL" not in function.output


def peak_bytes(process_id: int) -> int:
    """The most memory that a process ever held."""
    (line,) = (line for line in Path(f"/proc/{process_id}/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) * 1024


def pour(function: FunctionProcess, path: str, *, chunked: bool) -> bytes:
    """Send three hundred megabytes, as far as they are taken; returns the beginning of the answer."""
    with socket.create_connection(get_address(function), 30) as connection:
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {BODY_BYTES}"
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode())
        part = b"%x\r\n%s\r\n" % (len(PART), PART) if chunked else PART
        try:
            for _ in range(BODY_BYTES // len(PART)):
                connection.sendall(part)
            return connection.recv(400)
        except OSError:  # the door is shut in the middle of it
            return b""


def test_a_body_of_any_size_costs_no_memory(stage: Stage) -> None:
    """Three hundred megabytes to any path, with a length or in chunks: read past, refused, and not kept."""
    for function, paths in (
        (stage.swap_executed, ("/swap-executed", "/health", "/robots.txt")),
        (stage.check_threshold, ("/anything",)),
    ):
        _, worker = master_and_worker(function)
        pour(function, "/", chunked=False)
        before = peak_bytes(worker)
        for number, path in enumerate(paths):
            assert pour(function, path, chunked=number % 2 == 0)[:12] in (b"HTTP/1.1 413", b"")
        assert peak_bytes(worker) - before < GROWTH_MAX_BYTES
    assert set(stage.events()) == {"callback_refused", "request_unreadable"}


SECRETS = "Bearer a-token-of-the-caller", "what-the-body-holds"
ODD_REQUESTS = {
    "no event": b"POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 25\r\n%s\r\n",
    "another method": b"BREW / HTTP/1.1\r\nContent-Length: 25\r\n%s\r\n",
    "another path": b"POST //a//b HTTP/1.1\r\nContent-Length: 25\r\n%s\r\n",
    "the framework's path": b"GET /robots.txt HTTP/1.1\r\nContent-Length: 25\r\n%s\r\n",
    "a header without a colon": b"POST / HTTP/1.1\r\nAuthorization Bearer a-token-of-the-caller\r\n%s\r\n",
    "a header with a control": b"POST / HTTP/1.1\r\nAuthorization: Bearer a-token-of-the-caller\x01\r\n%s\r\n",
    "a folded header": b"POST / HTTP/1.1\r\nX: y\r\n Bearer a-token-of-the-caller\r\n%s\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n%s\r\n",
    "an odd length": b"POST / HTTP/1.1\r\nContent-Length: Bearer a-token-of-the-caller\r\n%s\r\n",
    "an odd encoding": b"POST / HTTP/1.1\r\nTransfer-Encoding: Bearer a-token-of-the-caller\r\n%s\r\n",
    "an odd expectation": b"POST / HTTP/1.1\r\nExpect: Bearer a-token-of-the-caller\r\n%s\r\n",
    "a long line": b"POST /" + b"x" * 9000 + b" HTTP/1.1\r\n%s\r\n",
    "a long header": b"POST / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n%s\r\n",
    "many headers": b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"%s\r\n",
    "no HTTP": b"Bearer a-token-of-the-caller\r\n%s\r\n",
}


@pytest.mark.parametrize("name", ODD_REQUESTS)
def test_no_answer_repeats_what_was_sent(stage: Stage, name: str) -> None:
    """Whoever refuses it, gunicorn, the framework or the function: our words, and one line at most with a reason."""
    headers = b"Host: x\r\nAuthorization: %s\r\n" % SECRETS[0].encode()
    for function in (stage.check_threshold, stage.swap_executed):
        stage.mark()
        with socket.create_connection(get_address(function), 10) as connection:
            connection.sendall(ODD_REQUESTS[name] % headers + b'{"a": "%s"}' % SECRETS[1].encode())
            answer = b""
            while part := connection.recv(4096):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
        assert b"Content-Type: application/json" in head
        assert body.startswith(b"{")
        lines = stage.spoken()
        for secret in SECRETS:
            assert secret.encode() not in answer
            assert secret not in str(lines)
        assert len(lines) <= 1
        assert all(line["event"] in {"callback_refused", "request_unreadable"} and line["reason"] for line in lines)


def test_what_is_no_event_is_told_with_its_reason(stage: Stage) -> None:
    """One line for each, as what it was refused."""
    for body, headers in ((b"[1]", {}), (b"{}", {"Content-Type": "application/json"}), (PART * 2, EVENT_HEADERS)):
        assert 400 <= requests.post(stage.check_threshold.url, data=body, headers=headers, timeout=20).status_code < 500
    lines = stage.spoken()
    assert [(line["event"], line["severity"]) for line in lines] == [("request_unreadable", "WARNING")] * 3
    assert [line["status_code"] for line in lines] == [415, 400, 413]
    assert all(line["reason"] for line in lines)
