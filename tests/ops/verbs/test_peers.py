"""`peers check` against a GCHostPay1 that reads rightly, one with another key, and one that takes everything."""

from collections.abc import Iterator

import pytest

from sandbox.peers.gchostpay1 import Endpoints, GCHostPay1
from sandbox.wire.http_server import Answer, Responder
from tests.ops.conftest import Shell
from tests.vectors.tokens import KEY


def away() -> Endpoints:
    """Nobody stands behind the service."""
    return Endpoints(
        changenow_url="http://127.0.0.1:9",
        changenow_api_key="none",
        tasks_address="127.0.0.1:9",
        response_queue="projects/p/locations/l/queues/q",
        microbatch_url="http://127.0.0.1:9",
    )


@pytest.fixture
def gchostpay1() -> Iterator[GCHostPay1]:
    """The service as deployed, with the vectors' key."""
    with GCHostPay1(signing_keys=KEY, endpoints=away()) as service:
        yield service


def test_a_service_that_reads_rightly(gchostpay1: GCHostPay1, bare_shell: Shell) -> None:
    """The order is taken as it was written, everything else is refused; nothing is paid."""
    typed = bare_shell("peers", "check", gchostpay1.url, "--json")
    assert typed.code == 0, typed.out
    assert len(typed.document["trials"]) > 20
    assert [str(order.from_amount) for order in gchostpay1.orders] == ["0.01666666"]
    assert gchostpay1.payments == []
    assert "all 22 answers are as expected" in bare_shell("peers", "check", gchostpay1.url).out


def test_a_service_with_another_key(bare_shell: Shell) -> None:
    """As production's would: it refuses the good order too, which is said."""
    with GCHostPay1(signing_keys="production's own", endpoints=away()) as service:
        typed = bare_shell("peers", "check", service.url)
        assert typed.code == 1
        assert "WRONG  an order " in typed.out
        assert service.orders == []


def test_a_service_that_takes_everything(bare_shell: Shell) -> None:
    """Each order that should have been refused is named."""
    with Responder(lambda _: Answer(200, {"status": "accepted"})) as service:
        typed = bare_shell("peers", "check", service.url, "--json")
    assert typed.code == 1
    assert typed.document["wrong"] == len(typed.document["trials"]) - 1


def test_nobody_there(bare_shell: Shell) -> None:
    """One line; what is no address is usage."""
    typed = bare_shell("peers", "check", "http://127.0.0.1:9/")
    assert (typed.code, typed.out, len(typed.err.splitlines())) == (3, "", 1)
    assert bare_shell("peers", "check", "gchostpay1").code == 2
