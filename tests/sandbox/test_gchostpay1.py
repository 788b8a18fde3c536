"""The GCHostPay1 stand-in opens orders, pays once, waits for ChangeNow and calls back."""

import base64
import hashlib
import hmac
import json
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest
import requests

from sandbox.changenow.exchange import Exchange, Schedule
from sandbox.changenow.market import ETH_TO_USDT
from sandbox.changenow.server import ChangeNow
from sandbox.google.cloud_tasks.server import CloudTasks
from sandbox.peers.gchostpay1 import CHANGED, Behaviour, Endpoints, GCHostPay1
from sandbox.wire.faults import cut, lose_answer, status
from sandbox.wire.http_server import Answer, Request, Responder

KEY = "a-signing-key"
QUEUE = "projects/p/locations/l/queues/microbatch-response-queue"
AMOUNT_ETH = Decimal("0.0165")


@dataclass
class Peers:
    """GCHostPay1 and everything it talks to; *callbacks* is where the functions would be."""

    gchostpay1: GCHostPay1
    changenow: ChangeNow
    cloud_tasks: CloudTasks
    callbacks: Responder

    def exchange(self) -> Exchange:
        wallet = "0x" + "1" * 40
        return self.changenow.open_exchange(ETH_TO_USDT, AMOUNT_ETH, wallet, None)

    def send(self, token: str) -> requests.Response:
        return requests.post(self.gchostpay1.url, json={"token": token}, timeout=5)

    def received_tokens(self) -> list[str]:
        return [json.loads(request.body)["token"] for request in self.callbacks.requests]


@pytest.fixture
def peers() -> Iterator[Peers]:
    schedule = Schedule(confirming_s=0.02, exchanging_s=0.02, sending_s=0.02)
    callbacks = Responder(answer_done)
    with callbacks, ChangeNow(schedule=schedule) as changenow, CloudTasks() as cloud_tasks:
        cloud_tasks.create_queue(QUEUE, max_attempts=10)
        endpoints = Endpoints(
            changenow_url=changenow.url,
            changenow_api_key=changenow.api_key,
            tasks_address=cloud_tasks.address,
            response_queue=QUEUE,
            microbatch_url=callbacks.url,
        )
        with GCHostPay1(signing_keys=f"{KEY}, an-older-key", endpoints=endpoints, interval_s=0.03) as gchostpay1:
            yield Peers(gchostpay1, changenow, cloud_tasks, callbacks)


def answer_done(_: Request) -> Answer:
    return Answer(200, {"status": "success"})


def text(value: str) -> bytes:
    return bytes([len(value.encode())]) + value.encode()


def order_bytes(exchange: Exchange, batch: str, *, age_s: int = 0, amount: float = float(AMOUNT_ETH)) -> bytes:
    """An order as the wire format has it, unsigned."""
    return (
        text("batch")
        + text(batch)
        + text(exchange.id)
        + text("eth")
        + text("eth")
        + struct.pack(">d", amount)
        + text(exchange.payin_address)
        + struct.pack(">Q", int(time.time()) - age_s)
    )


def signed(data: bytes, key: str = KEY) -> str:
    signature = hmac.new(key.encode(), data, hashlib.sha256).digest()[:16]
    return base64.urlsafe_b64encode(data + signature).decode().rstrip("=")


def eventually(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not look():
        assert time.monotonic() < deadline, "it did not happen within 10 s"
        time.sleep(0.005)


def read_response(token: str) -> tuple[str, str, str, float, int]:
    """Open a response token by the format's description: three strings, a double, a u64."""
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    signature = hmac.new(KEY.encode(), raw[:-16], hashlib.sha256).digest()[:16]
    assert raw[-16:] == signature
    strings, rest = [], raw[:-16]
    for _ in range(3):
        strings.append(rest[1 : 1 + rest[0]].decode())
        rest = rest[1 + rest[0] :]
    amount, timestamp = struct.unpack(">dQ", rest)
    return strings[0], strings[1], strings[2], amount, timestamp


def test_an_order_is_paid_and_called_back(peers: Peers) -> None:
    """One deposit of exactly the amount ordered; the callback carries what ChangeNow paid out."""
    peers.changenow.next_amount_to = Decimal("48.50")
    exchange, batch = peers.exchange(), str(uuid.uuid4())
    answer = peers.send(signed(order_bytes(exchange, batch)))
    eventually(lambda: bool(peers.received_tokens()))
    peers.cloud_tasks.wait_idle(5)

    assert answer.status_code == 200
    assert answer.json() == {"status": "accepted", "batch_conversion_id": batch}
    (payment,) = peers.gchostpay1.payments
    deposits = peers.changenow.exchange(exchange.id).deposits
    assert [(d.amount_eth, d.tx_hash) for d in deposits] == [(AMOUNT_ETH, payment.tx_hash)]
    (token,) = peers.received_tokens()
    received = read_response(token)
    assert received[:4] == (batch, exchange.id, payment.tx_hash, 48.5)
    assert abs(received[4] - time.time()) < 10
    assert len(payment.tx_hash) == 66
    assert [r.path for r in peers.callbacks.requests] == ["/swap-executed"]
    assert payment.usdt_received == Decimal("48.5")


def test_as_deployed_an_order_that_comes_twice_is_paid_twice(peers: Peers) -> None:
    """Nothing is looked up before the payment; both payments arrive while ChangeNow has seen neither."""
    peers.changenow.schedule = Schedule(seen_after_s=0.3, confirming_s=0, exchanging_s=0, sending_s=0)
    exchange, batch = peers.exchange(), str(uuid.uuid4())
    token = signed(order_bytes(exchange, batch))
    assert [peers.send(token).json()["status"] for _ in range(2)] == ["accepted"] * 2
    eventually(lambda: len(peers.gchostpay1.payments_of(batch)) == 2)
    assert len(peers.changenow.exchange(exchange.id).deposits) == 2


def test_changed_it_looks_for_the_batch_before_it_pays(peers: Peers) -> None:
    """The second order is answered as a duplicate, also with another token for the same batch."""
    peers.gchostpay1.behaviour = CHANGED
    exchange, batch = peers.exchange(), str(uuid.uuid4())
    token = signed(order_bytes(exchange, batch))
    first = peers.send(token)
    again = [peers.send(token), peers.send(signed(order_bytes(exchange, batch, age_s=1)))]
    eventually(lambda: bool(peers.received_tokens()))
    peers.cloud_tasks.wait_idle(5)

    assert first.json()["status"] == "accepted"
    assert [(a.status_code, a.json()["status"]) for a in again] == [(200, "duplicate")] * 2
    assert len(peers.gchostpay1.payments_of(batch)) == 1
    assert len(peers.changenow.exchange(exchange.id).deposits) == 1
    assert len(peers.received_tokens()) == 1


@pytest.mark.parametrize("behaviour", [Behaviour(), CHANGED], ids=["deployed", "changed"])
def test_an_exchange_that_is_new_is_refused(peers: Peers, behaviour: Behaviour) -> None:
    """As deployed the order is dead from then on; changed, its redelivery is looked at anew."""
    peers.gchostpay1.behaviour = behaviour
    peers.changenow.schedule = Schedule(new_s=None, confirming_s=0, exchanging_s=0, sending_s=0)
    exchange, batch = peers.exchange(), str(uuid.uuid4())
    token = signed(order_bytes(exchange, batch))
    assert peers.send(token).status_code == 200
    eventually(lambda: peers.gchostpay1.ledger.refused == {batch: "new"})
    peers.changenow.advance(exchange.id)
    eventually(lambda: behaviour == Behaviour() or not peers.gchostpay1.orders)
    assert peers.send(token).status_code == 200
    if behaviour == CHANGED:
        eventually(lambda: bool(peers.received_tokens()))
        return
    for worker in peers.gchostpay1._workers:
        worker.join(5)
    assert peers.gchostpay1.payments == []


@pytest.mark.parametrize("behaviour", [Behaviour(), CHANGED], ids=["deployed", "changed"])
def test_a_long_exchange_is_asked_about(peers: Peers, behaviour: Behaviour) -> None:
    """As deployed four times, then never again and no callback; changed, until it is final."""
    peers.gchostpay1.behaviour = behaviour
    peers.changenow.schedule = Schedule.by_hand()
    exchange = peers.exchange()
    peers.send(signed(order_bytes(exchange, str(uuid.uuid4()))))
    asked = 4 if behaviour == Behaviour() else 7

    def questions() -> int:
        return sum(request.name == "GET /exchange/by-id" for request in peers.changenow.requests)

    eventually(lambda: questions() > asked)  # one of them before the payment
    if behaviour == Behaviour():
        peers.gchostpay1._workers[0].join(5)
        assert not peers.gchostpay1._workers[0].is_alive()
    peers.changenow.finish(exchange.id)
    if behaviour == CHANGED:
        eventually(lambda: bool(peers.received_tokens()))
    assert len(peers.received_tokens()) == (behaviour == CHANGED)


@pytest.mark.parametrize("behaviour", [Behaviour(), CHANGED], ids=["deployed", "changed"])
def test_the_callback_has_an_identity_only_when_changed(peers: Peers, behaviour: Behaviour) -> None:
    """The deployed service gives its tasks no OIDC token."""
    peers.gchostpay1.behaviour = behaviour
    peers.send(signed(order_bytes(peers.exchange(), str(uuid.uuid4()))))
    eventually(lambda: bool(peers.received_tokens()))
    assert ("authorization" in peers.callbacks.requests[0].headers) == (behaviour == CHANGED)


def test_it_pays_short_and_double_when_told_to(peers: Peers) -> None:
    """Each deposit arrives as it was sent, and the callback tells what came out of the first."""
    peers.gchostpay1.behaviour = Behaviour(pays_share=Decimal("0.5"), pays_times=2)
    exchange = peers.exchange()
    peers.send(signed(order_bytes(exchange, str(uuid.uuid4()))))
    eventually(lambda: bool(peers.received_tokens()))
    assert [d.amount_eth for d in peers.changenow.exchange(exchange.id).deposits] == [AMOUNT_ETH / 2] * 2


def test_a_key_about_to_be_retired_still_opens_orders(peers: Peers) -> None:
    """Any key of the list is accepted; the first one signs the response."""
    exchange, batch = peers.exchange(), str(uuid.uuid4())

    assert peers.send(signed(order_bytes(exchange, batch), "an-older-key")).status_code == 200
    eventually(lambda: bool(peers.received_tokens()))
    assert read_response(peers.received_tokens()[0])[0] == batch


@pytest.mark.parametrize(("age_s", "expected"), [(290, 200), (310, 401), (-3, 200), (-15, 401)])
def test_an_order_is_good_for_300_seconds(peers: Peers, age_s: int, expected: int) -> None:
    """Older, or more than 5 s ahead, is refused and not paid."""
    answer = peers.send(signed(order_bytes(peers.exchange(), str(uuid.uuid4()), age_s=age_s)))

    assert answer.status_code == expected
    assert len(peers.gchostpay1.orders) == (1 if expected == 200 else 0)


def test_unreadable_orders_are_refused(peers: Peers) -> None:
    """400 for what is no order, 401 for a wrong signature; nothing is paid."""
    exchange, batch = peers.exchange(), str(uuid.uuid4())
    good = order_bytes(exchange, batch)
    refused = {
        signed(good, "a-wrong-key"): 401,
        signed(good)[:-3] + "AAA": 401,
        signed(good + b"x"): 400,
        signed(good[:-1]): 400,
        signed(good.replace(b"batch", b"other", 1)): 400,
        signed(order_bytes(exchange, "not-a-batch-id")): 400,
        signed(order_bytes(exchange, batch, amount=float("nan"))): 400,
        signed(order_bytes(exchange, batch, amount=0.0)): 400,
        signed(good) + "=": 400,
        "AAAA": 400,
        "": 400,
    }

    assert {token: peers.send(token).status_code for token in refused} == refused
    for body in (b"", b"{}", b"[]", b'{"token": 5}', b"\xff"):
        assert requests.post(peers.gchostpay1.url, data=body, timeout=5).status_code == 400
    assert peers.gchostpay1.orders == []
    assert peers.gchostpay1.payments == []


@pytest.mark.parametrize("verb", ["fail", "expire", "refund"])
def test_an_exchange_that_ends_badly_is_not_called_back(peers: Peers, verb: str) -> None:
    """The ledger tells how it ended."""
    peers.changenow.schedule = Schedule.by_hand()
    exchange, batch = peers.exchange(), str(uuid.uuid4())
    peers.send(signed(order_bytes(exchange, batch)))
    eventually(lambda: bool(peers.gchostpay1.payments))
    getattr(peers.changenow, verb)(exchange.id)
    final = {"fail": "failed", "expire": "expired", "refund": "refunded"}[verb]
    eventually(lambda: peers.gchostpay1.payments[0].exchange_status == final)

    assert peers.gchostpay1.payments[0].called_back_at is None
    assert peers.received_tokens() == []


def test_it_goes_on_when_its_peers_come_back(peers: Peers) -> None:
    """ChangeNow away, cut off and talking nonsense; Cloud Tasks losing an answer; one payment."""
    faults = peers.changenow.faults
    faults.add(method="GET /exchange/by-id", action=status(503))
    faults.add(method="GET /exchange/by-id", action=cut)
    faults.add(method="GET /exchange/by-id", action=status(200, body="<html>"))
    peers.cloud_tasks.faults.add(method="CreateTask", action=lose_answer)
    exchange, batch = peers.exchange(), str(uuid.uuid4())
    peers.send(signed(order_bytes(exchange, batch)))
    eventually(lambda: len(peers.received_tokens()) == 2)

    assert len(peers.changenow.exchange(exchange.id).deposits) == 1
    assert {read_response(token)[0] for token in peers.received_tokens()} == {batch}


def test_it_misbehaves_when_told_to(peers: Peers) -> None:
    """A wallet that does not pay, one that says nothing, one that says it twice and late."""
    behaviours = {
        "pay_fails": Behaviour(pay_fails=True),
        "silent": Behaviour(silent=True),
        "twice": Behaviour(twice=True, late_s=0.3),
    }
    batches, sent_at = {}, time.monotonic()
    for name, behaviour in behaviours.items():
        peers.gchostpay1.behaviour = behaviour
        batches[name] = str(uuid.uuid4())
        sent_at = time.monotonic()
        peers.send(signed(order_bytes(peers.exchange(), batches[name])))
    eventually(lambda: len(peers.received_tokens()) == 2)
    took_s = time.monotonic() - sent_at
    paid = [payment.batch_conversion_id for payment in peers.gchostpay1.payments]

    assert sorted(paid) == sorted([batches["silent"], batches["twice"]])
    assert {read_response(token)[0] for token in peers.received_tokens()} == {batches["twice"]}
    assert took_s >= 0.3
