"""A password leaves this machine inside TLS alone, to a server that somebody vouches for."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from shared.errors import DatabaseUnavailable
from shared.outside import connection
from shared.settings import load_database_settings

PASSWORD = "a-long-password"
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
ASK_FOR_PASSWORD = b"R\x00\x00\x00\x08\x00\x00\x00\x03"


@contextmanager
def server(answer: bytes, certificate: Path | None = None) -> Iterator[tuple[int, bytearray, bytearray]]:
    """Answer the wish for TLS and ask for the password in clear; yield the port, what came raw and what inside TLS."""
    raw, inside = bytearray(), bytearray()

    def serve() -> None:
        stream, _ = listener.accept()
        with stream, suppress(OSError):
            stream.settimeout(5)
            raw.extend(stream.recv(8))
            stream.sendall(answer)
            if certificate is None:
                raw.extend(stream.recv(1000))
                stream.sendall(ASK_FOR_PASSWORD)
                raw.extend(stream.recv(1000))
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            with context.wrap_socket(stream, server_side=True) as private:
                inside.extend(private.recv(1000))
                private.sendall(ASK_FOR_PASSWORD)
                inside.extend(private.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], raw, inside
        thread.join(10)


@pytest.fixture(autouse=True)
def _as_if_elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take loopback for another host: no other can be reached from a test."""
    monkeypatch.setattr(connection, "_is_loopback", lambda _: False)
    connection._verifying_context.cache_clear()
    yield
    connection._verifying_context.cache_clear()


def refusal(port: int) -> str:
    """Connect, which must fail, and return why."""
    url = f"postgresql://somebody:{PASSWORD}@127.0.0.1:{port}/name"
    with pytest.raises(DatabaseUnavailable) as caught:
        connection.connect(load_database_settings({"DATABASE_URL": url}))
    return str(caught.value)


@pytest.mark.parametrize("answer", [b"N", b"E"])
def test_a_server_without_tls_is_told_nothing(answer: bytes) -> None:
    """Neither user nor password follow the wish for TLS, and the refusal says what is missing."""
    with server(answer) as (port, raw, _):
        assert "no TLS" in refusal(port)
    assert bytes(raw) == SSL_REQUEST


def test_a_server_that_nobody_vouches_for_is_told_nothing(certificate: Path) -> None:
    """Whoever sits in between can make a certificate of its own."""
    with server(b"S", certificate) as (port, _, inside):
        assert "certificate verify failed" in refusal(port)
    assert inside == b""


def test_a_server_that_is_vouched_for_gets_the_password(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An authority of one's own is named in SSL_CERT_FILE."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with server(b"S", certificate) as (port, raw, inside):
        refusal(port)
    assert bytes(raw) == SSL_REQUEST
    assert b"somebody" in inside
    assert PASSWORD.encode() in inside
