"""The two tokens as GCHostPay1 reads and writes them.

Written from the wire format alone and apart from the functions' own code, so that a mistake on one
side shows on the other. Strings: one length byte and UTF-8. Doubles and unsigned 64-bit integers:
big-endian. Signature: the first 16 bytes of HMAC-SHA256 over everything before it. The whole:
base64url without padding.
"""

import base64
import binascii
import hashlib
import hmac
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

SIGNATURE_BYTES = 16
AGE_MAX_S = 300
AHEAD_MAX_S = 5
TOKEN_CHARACTERS_MAX = 4096


class UnreadableTokenError(Exception):
    """The text is not an order token: answered 400."""


class UntrustedTokenError(Exception):
    """The signature is wrong, or the token is too old or from the future: answered 401."""


@dataclass(frozen=True)
class Order:
    """What a payment order says."""

    batch_conversion_id: str
    cn_api_id: str
    from_currency: str
    from_network: str
    from_amount: Decimal  # ETH, the digits that the double stands for
    payin_address: str
    timestamp: int  # Unix seconds


@dataclass(frozen=True)
class Execution:
    """What GCHostPay1 reports when an exchange has finished."""

    batch_conversion_id: str
    cn_api_id: str
    tx_hash: str
    actual_usdt_received: Decimal


def decrypt_microbatch_to_gchostpay1_token(token: str, keys: Sequence[str], now_s: int) -> Order:
    """Open an order token; any of *keys* may have signed it."""
    raw = _decoded(token)
    signed, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    if not any(hmac.compare_digest(_signature(signed, key), signature) for key in keys):
        raise UntrustedTokenError("the signature is wrong")
    order = _order(signed)
    if now_s - order.timestamp > AGE_MAX_S:
        raise UntrustedTokenError(f"the token is older than {AGE_MAX_S} s")
    if order.timestamp - now_s > AHEAD_MAX_S:
        raise UntrustedTokenError(f"the token is more than {AHEAD_MAX_S} s ahead")
    return order


def encrypt_gchostpay1_to_microbatch_token(execution: Execution, key: str, now_s: int) -> str:
    """Write the response token; the amount becomes the nearest double."""
    signed = b"".join(
        (
            _packed(execution.batch_conversion_id),
            _packed(execution.cn_api_id),
            _packed(execution.tx_hash),
            struct.pack(">d", float(execution.actual_usdt_received)),
            struct.pack(">Q", now_s),
        )
    )
    raw = signed + _signature(signed, key)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(token: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", token) or len(token) > TOKEN_CHARACTERS_MAX:
        raise UnreadableTokenError("the token is not base64url")
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error as error:
        raise UnreadableTokenError("the token is not base64url") from error
    if len(raw) <= SIGNATURE_BYTES:
        raise UnreadableTokenError("the token is too short")
    return raw


def _order(signed: bytes) -> Order:
    rest = signed
    texts: list[str] = []
    for _ in range(5):
        text, rest = _string(rest)
        texts.append(text)
    context, batch_conversion_id, cn_api_id, from_currency, from_network = texts
    amount, rest = _number(">d", rest)
    payin_address, rest = _string(rest)
    timestamp, rest = _number(">Q", rest)
    if rest:
        raise UnreadableTokenError(f"{len(rest)} bytes too many")
    if context != "batch" or len(batch_conversion_id) != 36:
        raise UnreadableTokenError("this is not the order of a batch")
    if (from_currency, from_network) != ("eth", "eth"):
        raise UnreadableTokenError(f"cannot pay {from_currency} on {from_network}")
    if not math.isfinite(amount) or amount <= 0:
        raise UnreadableTokenError("the amount is not above 0")
    return Order(
        batch_conversion_id=batch_conversion_id,
        cn_api_id=cn_api_id,
        from_currency=from_currency,
        from_network=from_network,
        from_amount=Decimal(repr(amount)),
        payin_address=payin_address,
        timestamp=int(timestamp),
    )


def _string(data: bytes) -> tuple[str, bytes]:
    if not data or len(data) < 1 + data[0]:
        raise UnreadableTokenError("the token ends within a string")
    end = 1 + data[0]
    try:
        return data[1:end].decode(), data[end:]
    except UnicodeDecodeError as error:
        raise UnreadableTokenError("a string is not UTF-8") from error


def _number(form: str, data: bytes) -> tuple[float, bytes]:
    if len(data) < 8:
        raise UnreadableTokenError("the token ends within a number")
    value: float = struct.unpack(form, data[:8])[0]
    return value, data[8:]


def _packed(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data


def _signature(data: bytes, key: str) -> bytes:
    return hmac.digest(key.encode(), data, hashlib.sha256)[:SIGNATURE_BYTES]
