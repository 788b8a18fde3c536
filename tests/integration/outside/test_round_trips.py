"""How often a check and a callback talk to the database, counted on the wire between."""

from collections.abc import Iterator

import pytest

from sandbox.google.pubsub.server import PubSub
from sandbox.wire.tcp_proxy import TcpProxy
from shared.model.reasons import Reason
from tests.rig import PROJECT, Peers, Rig

TOPIC = f"projects/{PROJECT}/topics/batch-events"
WAITING_CHECK_MAX = 22
COMPLETING_CALLBACK_MAX = 24


@pytest.fixture
def counted(proxied_url: str, peers: Peers) -> Iterator[Rig]:
    """Both functions with their events' topic, and the proxy between them and their database."""
    with PubSub() as pubsub:
        pubsub.create_topic(TOPIC)
        rig = Rig(proxied_url, peers, {"BATCH_EVENTS_TOPIC": TOPIC, "PUBSUB_EMULATOR_HOST": pubsub.address})
        rig.set_threshold("20.00")
        yield rig
        rig.close()


def test_a_waiting_check_talks_little(counted: Rig, proxy: TcpProxy) -> None:
    """Below the threshold, on the connection of the check before."""
    counted.pay("15.00")
    counted.check()
    proxy.forget()
    assert counted.check().reason == Reason.BELOW_THRESHOLD
    assert 0 < proxy.round_trips <= WAITING_CHECK_MAX


def test_a_completing_callback_talks_little(counted: Rig, proxy: TcpProxy) -> None:
    """From the token to the event told, on a connection that is there already."""
    for amount in ("20.00", "25.00"):
        counted.pay(amount)
        counted.check()
        batch = counted.batches()[-1]
        counted.pay_out(batch, "24.00")
        token = counted.response(batch, "24.00")
        proxy.forget()
        assert counted.call_back(token).records_updated == 1
    assert 0 < proxy.round_trips <= COMPLETING_CALLBACK_MAX
