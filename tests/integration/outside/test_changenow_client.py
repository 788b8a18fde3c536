"""The ChangeNow client against an answer that never ends."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from shared.errors import ExchangeUnavailable
from shared.outside.changenow import ChangeNow


@pytest.fixture
def dripping_url() -> Iterator[str]:
    """The address of a server that answers one byte every tenth of a second, for as long as somebody reads."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        stream, _ = listener.accept()
        with stream:
            stream.recv(65536)
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            while not over.wait(0.1):
                try:
                    stream.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    thread.join()
    listener.close()


def test_an_answer_that_drips_is_given_up_in_time(dripping_url: str) -> None:
    """Each byte comes in time, the whole does not: the client gives up soon after its time-out."""
    began = time.monotonic()
    with pytest.raises(ExchangeUnavailable):
        ChangeNow(dripping_url, "key", 1).get_range()
    assert time.monotonic() - began < 30  # a hundred thousand bytes would take hours
