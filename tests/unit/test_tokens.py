"""Both tokens, byte for byte."""

import base64
import hashlib
import hmac
import struct
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sandbox.peers.gchostpay1_tokens import (
    Execution,
    decrypt_microbatch_to_gchostpay1_token,
    encrypt_gchostpay1_to_microbatch_token,
)
from shared.errors import MicroBatchError, TokenRejected, ValueImpossible
from shared.model.tokens import decrypt_gchostpay1_to_microbatch_token, encrypt_microbatch_to_gchostpay1_token

KEY = "a-key"
NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
BATCH = uuid.UUID("6f1c2d3e-4a5b-4c6d-8e9f-0a1b2c3d4e5f")
DAY = timedelta(hours=25)


def order(amount_eth: str = "0.01666666", key: str = KEY) -> str:
    """Write an order token."""
    return encrypt_microbatch_to_gchostpay1_token(
        batch_conversion_id=BATCH,
        cn_api_id="c3f2a1b0d9e8f7",
        amount_eth=Decimal(amount_eth),
        payin_address="0x" + "12" * 20,
        now=NOW,
        signing_key=key,
    )


def response(key: str = KEY, received: str = "48.5", at: datetime = NOW) -> str:
    """Write a response token as the peer does."""
    execution = Execution(str(BATCH), "c3f2a1b0d9e8f7", "0x" + "ab" * 32, Decimal(received))
    return encrypt_gchostpay1_to_microbatch_token(execution, key, int(at.timestamp()))


def test_the_order_is_the_documented_bytes() -> None:
    """Every field where the deployed peer looks for it, and nothing else."""
    fields = b"\x05batch" + b"\x24" + str(BATCH).encode() + b"\x0ec3f2a1b0d9e8f7" + b"\x03eth\x03eth"
    fields += struct.pack(">d", 0.01666666) + b"\x2a0x" + b"12" * 20 + struct.pack(">Q", 1795341600)
    signature = hmac.new(b"a-key", fields, hashlib.sha256).digest()[:16]
    assert order() == base64.urlsafe_b64encode(fields + signature).rstrip(b"=").decode()


def test_the_peer_opens_the_order() -> None:
    """The independent reading of the wire format finds what was written."""
    opened = decrypt_microbatch_to_gchostpay1_token(order(), [KEY], int(NOW.timestamp()))
    assert (opened.batch_conversion_id, opened.from_amount) == (str(BATCH), Decimal("0.01666666"))


def test_a_response_is_read() -> None:
    """The peer's response comes back field by field."""
    report = decrypt_gchostpay1_to_microbatch_token(response(), signing_keys=[KEY], now=NOW, age_max=DAY)
    assert (report.batch_conversion_id, report.cn_api_id) == (BATCH, "c3f2a1b0d9e8f7")
    assert report.received_usdt == Decimal("48.5")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_refused(position: int, change: int) -> None:
    """No bit of a token can be turned without notice."""
    raw = bytearray(base64.urlsafe_b64decode(response() + "=="))
    raw[position % len(raw)] ^= change
    token = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
    with pytest.raises(TokenRejected):
        decrypt_gchostpay1_to_microbatch_token(token, signing_keys=[KEY], now=NOW, age_max=DAY)


@given(st.text(max_size=400))
def test_any_text_is_refused_in_our_own_words(text: str) -> None:
    """Nonsense is an error of ours, never a crash."""
    with pytest.raises(MicroBatchError):
        decrypt_gchostpay1_to_microbatch_token(text, signing_keys=[KEY], now=NOW, age_max=DAY)


@given(st.binary(max_size=200))
def test_any_signed_payload_is_read_or_refused(payload: bytes) -> None:
    """A right signature over nonsense is still refused in our own words."""
    token = base64.urlsafe_b64encode(payload + hmac.new(b"a-key", payload, hashlib.sha256).digest()[:16])
    with pytest.raises(MicroBatchError):
        decrypt_gchostpay1_to_microbatch_token(token.rstrip(b"=").decode(), signing_keys=[KEY], now=NOW, age_max=DAY)


def test_an_old_key_verifies_but_never_signs() -> None:
    """Rotation: the first key signs, all are accepted."""
    keys = ["new", KEY]
    report = decrypt_gchostpay1_to_microbatch_token(response(), signing_keys=keys, now=NOW, age_max=DAY)
    assert report.batch_conversion_id == BATCH
    assert order(key=keys[0]) != order(key=KEY)
    with pytest.raises(TokenRejected):
        decrypt_gchostpay1_to_microbatch_token(response(), signing_keys=["new"], now=NOW, age_max=DAY)


@pytest.mark.parametrize(("age_s", "accepted"), [(90_000, True), (90_001, False), (-60, True), (-61, False)])
def test_the_age_window(age_s: int, accepted: bool) -> None:
    """25 hours back and 60 seconds ahead, to the second."""
    token = response(at=NOW - timedelta(seconds=age_s))
    if accepted:
        report = decrypt_gchostpay1_to_microbatch_token(token, signing_keys=[KEY], now=NOW, age_max=DAY)
        assert report.batch_conversion_id == BATCH
    else:
        with pytest.raises(TokenRejected):
            decrypt_gchostpay1_to_microbatch_token(token, signing_keys=[KEY], now=NOW, age_max=DAY)


def test_what_does_not_fit_the_order_is_refused() -> None:
    """A field above 255 bytes, or an amount that the double would change."""
    with pytest.raises(ValueImpossible):
        order(amount_eth="12345678901.12345678")
    with pytest.raises(ValueImpossible):
        encrypt_microbatch_to_gchostpay1_token(
            batch_conversion_id=BATCH,
            cn_api_id="x" * 256,
            amount_eth=Decimal(1),
            payin_address="0x",
            now=NOW,
            signing_key=KEY,
        )


def test_an_order_is_no_response() -> None:
    """Our own token, sent back to us under the right key, reports nothing."""
    with pytest.raises(MicroBatchError):
        decrypt_gchostpay1_to_microbatch_token(order(), signing_keys=[KEY], now=NOW, age_max=DAY)


@given(st.text(max_size=63), st.text(max_size=63), st.text(max_size=63))
@example("instant", str(BATCH), "c3f2a1b0d9e8f7")  # seven letters, then what a batch has
@example("retries", str(BATCH), "0x" + "ab" * 32)
def test_a_token_of_another_context_is_no_response(context: str, first: str, second: str) -> None:
    """A token of another service under the same key may have our very layout: it names its context, not a batch."""
    fields = b"".join(bytes([len(text.encode())]) + text.encode() for text in (context, first, second))
    payload = fields + struct.pack(">dQ", 48.5, int(NOW.timestamp()))
    token = base64.urlsafe_b64encode(payload + hmac.new(b"a-key", payload, hashlib.sha256).digest()[:16])
    with pytest.raises(MicroBatchError):
        decrypt_gchostpay1_to_microbatch_token(token.rstrip(b"=").decode(), signing_keys=[KEY], now=NOW, age_max=DAY)


@pytest.mark.parametrize("characters", [66, 100, 101, 255])
def test_a_hash_that_the_payments_cannot_hold_is_refused(characters: int) -> None:
    """The deployed column has room for 100 characters; Ethereum's hashes have 66."""
    execution = Execution(str(BATCH), "c3f2a1b0d9e8f7", "x" * characters, Decimal("48.5"))
    token = encrypt_gchostpay1_to_microbatch_token(execution, KEY, int(NOW.timestamp()))
    if characters <= 100:
        report = decrypt_gchostpay1_to_microbatch_token(token, signing_keys=[KEY], now=NOW, age_max=DAY)
        assert report.tx_hash == "x" * characters
    else:
        with pytest.raises(ValueImpossible, match="100 characters"):
            decrypt_gchostpay1_to_microbatch_token(token, signing_keys=[KEY], now=NOW, age_max=DAY)
