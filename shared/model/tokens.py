"""The two tokens exchanged with GCHostPay1, byte for byte as the deployed peer has them.

Strings: one length byte, then UTF-8. Doubles and unsigned 64-bit integers: big-endian. Last come the first 16 bytes of
HMAC-SHA256 over everything before them. The whole travels as base64url without padding.
"""

import base64
import binascii
import hashlib
import hmac
import struct
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from shared.errors import TokenRejected, TokenUnreadable, ValueImpossible
from shared.model.money import AMOUNT_MAX, UNIT, decimal_from_double, pack_double

SIGNATURE_BYTES: Final = 16
TOKEN_CHARACTERS_MAX: Final = 2048
FUTURE_MAX: Final = timedelta(seconds=60)
TX_HASH_CHARACTERS_MAX: Final = 100  # what the deployed column of the payments holds; Ethereum's have 66


class SwapExecuted(NamedTuple):
    """What GCHostPay1 reports: it paid for this batch's exchange, and this much arrived."""

    batch_conversion_id: uuid.UUID
    cn_api_id: str
    tx_hash: str
    received_usdt: Decimal


def encrypt_microbatch_to_gchostpay1_token(
    *,
    batch_conversion_id: uuid.UUID,
    cn_api_id: str,
    amount_eth: Decimal,
    payin_address: str,
    now: datetime,
    signing_key: str,
) -> str:
    """Write the order to pay *amount_eth* to an exchange; GCHostPay1 refuses it once it is 300 s old.

    Raises ValueImpossible for a string above 255 bytes or an amount that a double would not carry exactly.
    """
    payload = b"".join(
        (
            _pack_text("batch"),
            _pack_text(str(batch_conversion_id)),
            _pack_text(cn_api_id),
            _pack_text("eth"),
            _pack_text("eth"),
            pack_double(amount_eth),
            _pack_text(payin_address),
            struct.pack(">Q", int(now.timestamp())),
        )
    )
    return _encode(payload + _sign(payload, signing_key))


def decrypt_gchostpay1_to_microbatch_token(
    token: str, *, signing_keys: Sequence[str], now: datetime, age_max: timedelta
) -> SwapExecuted:
    """Verify and read GCHostPay1's report.

    Raises TokenUnreadable, TokenRejected (signature, age) or ValueImpossible (values that cannot exist).
    """
    payload = _verify(_decode(token), signing_keys)
    reader = _Reader(payload)
    batch_id = reader.text()
    cn_api_id = reader.text()
    tx_hash = reader.text()
    (received,) = reader.numbers(">d")
    (sent_at_s,) = reader.numbers(">Q")
    reader.end()
    _require_age(sent_at_s, now, age_max)
    return SwapExecuted(
        _read_batch_id(batch_id),
        _require_visible(cn_api_id, "the exchange id"),
        _read_tx_hash(tx_hash),
        _read_received(received),
    )


class _Reader:
    """Takes fields off the front of a payload, and nothing that is not there."""

    def __init__(self, payload: bytes) -> None:
        self._rest = payload

    def _take(self, length: int) -> bytes:
        taken, self._rest = self._rest[:length], self._rest[length:]
        if len(taken) != length:
            raise TokenUnreadable("the token ends in the middle of a field")
        return taken

    def text(self) -> str:
        (length,) = self._take(1)
        try:
            return self._take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise TokenUnreadable("a field of the token is not UTF-8") from error

    def numbers(self, layout: str) -> tuple[float, ...]:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))

    def end(self) -> None:
        if self._rest:
            raise TokenUnreadable(f"{len(self._rest)} bytes too many in the token")


def _pack_text(text: str) -> bytes:
    encoded = text.encode("utf-8")
    if len(encoded) > 255:
        raise ValueImpossible(f"a token field holds 255 bytes at most, not {len(encoded)}")
    return bytes([len(encoded)]) + encoded


def _sign(payload: bytes, signing_key: str) -> bytes:
    return hmac.new(signing_key.encode(), payload, hashlib.sha256).digest()[:SIGNATURE_BYTES]


def _encode(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode("ascii")


def _decode(token: str) -> bytes:
    """Read base64url without padding, refusing a second spelling of the same bytes."""
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise TokenUnreadable(f"a token has {TOKEN_CHARACTERS_MAX} characters at most")
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenUnreadable("the token is not base64url") from error
    if _encode(raw) != token:
        raise TokenUnreadable("the token is not base64url without padding")
    if len(raw) <= SIGNATURE_BYTES:
        raise TokenUnreadable("the token is too short to hold a signature")
    return raw


def _verify(raw: bytes, signing_keys: Sequence[str]) -> bytes:
    payload, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    matches = [hmac.compare_digest(signature, _sign(payload, key)) for key in signing_keys]
    if not any(matches):
        raise TokenRejected("the token's signature does not match any signing key")
    return payload


def _require_age(sent_at_s: float, now: datetime, age_max: timedelta) -> None:
    oldest_s, newest_s = (now - age_max).timestamp(), (now + FUTURE_MAX).timestamp()
    if sent_at_s < int(oldest_s):
        raise TokenRejected(f"the token is older than {age_max}")
    if sent_at_s > newest_s:
        raise TokenRejected("the token comes from the future; check the clocks")


def _read_batch_id(text: str) -> uuid.UUID:
    try:
        batch_id = uuid.UUID(text)
    except ValueError as error:
        raise ValueImpossible("the batch id is not a UUID") from error
    if str(batch_id) != text.lower():
        raise ValueImpossible("the batch id is not a UUID of 36 characters")
    return batch_id


def _require_visible(text: str, what: str) -> str:
    if not text or not text.isprintable() or text != text.strip():
        raise ValueImpossible(f"{what} is empty or holds characters that cannot be shown")
    return text


def _read_tx_hash(text: str) -> str:
    if len(text) > TX_HASH_CHARACTERS_MAX:
        raise ValueImpossible(f"the transaction hash has more than {TX_HASH_CHARACTERS_MAX} characters")
    return _require_visible(text, "the transaction hash")


def _read_received(value: float) -> Decimal:
    received_usdt = decimal_from_double(value)
    if not UNIT <= received_usdt <= AMOUNT_MAX:
        raise ValueImpossible("the received amount is below one unit (1e-8), or larger than can be stored")
    return received_usdt
