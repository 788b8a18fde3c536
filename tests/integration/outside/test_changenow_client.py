"""The ChangeNow client against a peer that never gets to an end: one deadline for all of a call."""

import socket
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.changenow.server import ChangeNow as ChangeNowServer
from sandbox.wire import faults
from shared.errors import ExchangeUnavailable
from shared.outside.changenow import ChangeNow
from tests.integration.outside.dripping import WAYS, dripping

WITHIN_S = 1
TOO_LATE_S = WITHIN_S + 1
RANGE = "GET /exchange/range"


def make_exchange(client: ChangeNow) -> object:
    """Ask for an exchange, which is not repeated."""
    return client.create_exchange(amount_eth=Decimal("0.01"), payout_address="0x1", refund_address="0x2")


def took_s(call: Callable[[], object]) -> float:
    """How long a call takes to say that ChangeNow does not answer."""
    began_s = time.monotonic()
    with pytest.raises(ExchangeUnavailable):
        call()
    return time.monotonic() - began_s


@pytest.mark.parametrize("way", WAYS)
def test_no_call_outlives_its_deadline(way: str) -> None:
    """Status line, headers, chunks, interim answers, body: each wait is short, and the whole is given up in time."""
    with dripping(way) as peer:
        client = ChangeNow(f"http://127.0.0.1:{peer.port}", "key", WITHIN_S)
        assert took_s(client.get_range) < TOO_LATE_S
        assert took_s(lambda: make_exchange(client)) < TOO_LATE_S


@pytest.mark.parametrize("way", ["the status line", "a body"])
def test_nor_does_one_inside_tls(way: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in production, where ChangeNow has a certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with dripping(way, certificate) as peer:
        assert took_s(ChangeNow(f"https://127.0.0.1:{peer.port}", "key", WITHIN_S).get_range) < TOO_LATE_S
        assert peer.accepted == 1  # it got as far as the answer, and there was no time for a second


def test_a_handshake_without_an_end_is_given_up_in_time() -> None:
    """TLS is part of the call."""
    with dripping("nothing") as peer:
        assert took_s(ChangeNow(f"https://127.0.0.1:{peer.port}", "key", WITHIN_S).get_range) < TOO_LATE_S


def test_attempts_share_the_deadline() -> None:
    """Trouble that passes, again and again: with pauses and Retry-After, all attempts together keep to it."""
    with ChangeNowServer(api_key="key") as peer:
        for action in (faults.cut, faults.status(503), faults.status(429, {"Retry-After": "1"}), faults.delay(0.4)):
            peer.faults.add(method=RANGE, action=action)
        peer.faults.add(method=RANGE, action=faults.status(503), times=None)
        assert took_s(ChangeNow(peer.url, "key", 2).get_range) < 3


def test_a_host_that_lets_nobody_in_is_given_up_in_time() -> None:
    """Connecting is part of the call: a full backlog answers nothing at all."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        client = ChangeNow(f"http://127.0.0.1:{address[1]}", "key", WITHIN_S)
        assert took_s(client.get_range) < TOO_LATE_S
        for each in waiting:
            each.close()


def test_a_name_that_is_not_resolved_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver has no deadline of its own."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: time.sleep(WITHIN_S + 3))
    assert took_s(ChangeNow("http://changenow.example", "key", WITHIN_S).get_range) < TOO_LATE_S


def test_a_connection_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty questions, one connection."""
    connected: list[object] = []
    connect = socket.create_connection

    def count(*args: Any) -> socket.socket:
        connected.append(args)
        return connect(*args)

    monkeypatch.setattr(socket, "create_connection", count)
    with ChangeNowServer(api_key="key") as peer:
        client = ChangeNow(peer.url, "key", WITHIN_S)
        for _ in range(20):
            client.get_range()
    assert len(connected) == 1
