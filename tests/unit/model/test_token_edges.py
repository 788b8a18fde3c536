"""A report's fields at their edges, each of them signed as it should be."""

import base64
import hashlib
import hmac
import struct
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sandbox.peers.gchostpay1_tokens import decrypt_microbatch_to_gchostpay1_token
from shared.errors import MicroBatchError, TokenRejected, TokenUnreadable, ValueImpossible
from shared.model.money import UNIT
from shared.model.tokens import (
    SwapExecuted,
    decrypt_gchostpay1_to_microbatch_token,
    encrypt_microbatch_to_gchostpay1_token,
)

KEY = b"a-key"
NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
BATCH = "6f1c2d3e-4a5b-4c6d-8e9f-0a1b2c3d4e5f"


def sealed(payload: bytes) -> str:
    """Sign a payload and write the token."""
    signature = hmac.new(KEY, payload, hashlib.sha256).digest()[:16]
    return base64.urlsafe_b64encode(payload + signature).rstrip(b"=").decode()


def payload(*texts: str | bytes, received: float = 48.5, at: datetime = NOW) -> bytes:
    """The signed part of a report with these texts."""
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    return b"".join(bytes([len(text)]) + text for text in raw) + struct.pack(">dQ", received, int(at.timestamp()))


def read(token: str, age_max: timedelta = timedelta(hours=25)) -> SwapExecuted:
    """Read a token as the function does."""
    return decrypt_gchostpay1_to_microbatch_token(token, signing_keys=["other", "a-key"], now=NOW, age_max=age_max)


def test_every_field_is_read_from_its_place() -> None:
    """Batch, exchange, transaction, amount."""
    report = read(sealed(payload(BATCH, "exchange", "0xhash")))
    assert (str(report.batch_conversion_id), report.cn_api_id, report.tx_hash) == (BATCH, "exchange", "0xhash")
    assert report.received_usdt == Decimal("48.5")


@pytest.mark.parametrize("length", [100, 101])
def test_a_hash_is_at_most_what_the_payments_column_holds(length: int) -> None:
    """A hundred characters, and not one more."""
    token = sealed(payload(BATCH, "exchange", "x" * length))
    if length == 100:
        assert read(token).tx_hash == "x" * 100
    else:
        with pytest.raises(ValueImpossible, match="the transaction hash has more than 100"):
            read(token)


@pytest.mark.parametrize(("at", "what"), [(1, "the exchange id"), (2, "the transaction hash")])
@pytest.mark.parametrize("text", ["", " x", "x ", "x\x07y", "x\ny"])
def test_what_cannot_be_shown_is_refused_by_its_name(at: int, what: str, text: str) -> None:
    """Empty, with white space around it, or with control characters."""
    texts = [BATCH, "exchange", "0xhash"]
    texts[at] = text
    with pytest.raises(ValueImpossible, match=what):
        read(sealed(payload(*texts)))


@pytest.mark.parametrize("text", ["no-uuid", BATCH.replace("-", ""), "{" + BATCH + "}", f"urn:uuid:{BATCH}"])
def test_a_batch_id_has_one_spelling(text: str) -> None:
    """Thirty-six characters; Python would read more, and a second spelling is a second batch to a log."""
    with pytest.raises(ValueImpossible, match="not a UUID"):
        read(sealed(payload(text, "exchange", "0xhash")))
    assert str(read(sealed(payload(BATCH.upper(), "exchange", "0xhash"))).batch_conversion_id) == BATCH


@pytest.mark.parametrize(
    ("received", "is_possible"),
    [(1e-8, True), (0.9e-8, False), (0.0, False), (-5.0, False), (999999999999.0, True), (1e12, False)],
)
def test_an_amount_is_between_a_unit_and_what_a_column_holds(received: float, is_possible: bool) -> None:
    """To the last digit that a double carries."""
    token = sealed(payload(BATCH, "exchange", "0xhash", received=received))
    if is_possible:
        assert read(token).received_usdt == max(UNIT, Decimal(repr(received)))
    else:
        with pytest.raises(ValueImpossible, match="the received amount"):
            read(token)


def test_bytes_too_many_or_too_few_are_refused() -> None:
    """A payload that goes on, one that ends early, one that is no UTF-8."""
    whole = payload(BATCH, "exchange", "0xhash")
    for odd, said in (
        (whole + b"\0", "1 bytes too many"),
        (whole[:-1], "in the middle of a field"),
        (b"", "too short"),
        (payload(BATCH, b"\xff\xfe", "0xhash"), "not UTF-8"),
    ):
        with pytest.raises(TokenUnreadable, match=said):
            read(sealed(odd))


def test_a_token_has_2048_characters_at_most() -> None:
    """One of that length is read, and refused for what it says; a longer one is not looked at."""
    with pytest.raises(MicroBatchError, match="signature"):
        read("A" * 2048)
    with pytest.raises(TokenUnreadable, match="2048 characters at most"):
        read("A" * 2049)


@pytest.mark.parametrize("odd", ["=", "==", "+", "/", "\n", " "])
def test_a_token_has_one_spelling(odd: str) -> None:
    """No padding, no other alphabet, no white space that a lax reader would skip."""
    token = sealed(payload(BATCH, "exchange", "0xhash"))
    for other in (token + odd, odd + token, token[:8] + odd + token[8:]):
        with pytest.raises(TokenUnreadable, match="base64url"):
            read(other)


@pytest.mark.parametrize(("seconds", "said"), [(-3601, "older than 1:00:00"), (61, "from the future")])
def test_a_time_out_of_bounds_is_named(seconds: int, said: str) -> None:
    """Too old by the age that is asked for, or ahead of our clock."""
    token = sealed(payload(BATCH, "exchange", "0xhash", at=NOW + timedelta(seconds=seconds)))
    with pytest.raises(TokenRejected, match=said):
        read(token, timedelta(hours=1))


def test_no_character_of_a_token_is_taken_for_padding() -> None:
    """Tokens end in every character of the alphabet, and the peer opens each."""
    ends = set()
    for units in range(1, 1200):
        token = encrypt_microbatch_to_gchostpay1_token(
            batch_conversion_id=uuid.UUID(BATCH),
            cn_api_id="exchange",
            amount_eth=units * UNIT,
            payin_address="0x" + "1" * (units % 3),  # whole and broken groups of three bytes
            now=NOW,
            signing_key="a-key",
        )
        order = decrypt_microbatch_to_gchostpay1_token(token, ["a-key"], int(NOW.timestamp()))
        assert order.from_amount == units * UNIT
        ends.add(token[-1])
    assert len(ends) == 64
