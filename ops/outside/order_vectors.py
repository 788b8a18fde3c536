"""The vectors' orders made fresh: their own bytes with the time of now, signed with the vectors' key and no other."""

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

VECTORS: Final = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "tokens.json"
GOOD: Final = "an order"
SIGNATURE_BYTES: Final = 16
TIMESTAMP_BYTES: Final = 8
SHIFT_MAX_S: Final = 1000  # further away than that, the last eight bytes are no timestamp
MARGIN_S: Final = 30  # what is refused for its time stays so, however slowly it travels


@dataclass(frozen=True)
class Trial:
    """One order that a peer is sent, and whether it is to be taken."""

    name: str
    token: str
    is_good: bool
    batch_conversion_id: str | None


def fresh_orders(now_s: int) -> Iterator[Trial]:
    """Yield the vectors' first good order, then every one that is to be refused."""
    for vector in json.loads(VECTORS.read_text())["orders"]:
        is_good = vector["name"] == GOOD
        if is_good or "refused" in vector:
            batch = vector.get("fields", {}).get("batch_conversion_id")
            yield Trial(vector["name"], _fresh(vector, now_s), is_good, batch)


def _fresh(vector: dict[str, Any], now_s: int) -> str:
    """Move a token's time as far from now as the vector's is from its reader's clock; what has none stays as it is."""
    raw = _decoded(vector["token"])
    payload, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    if len(payload) <= TIMESTAMP_BYTES:
        return str(vector["token"])
    (sent_at_s,) = struct.unpack(">Q", payload[-TIMESTAMP_BYTES:])
    shift_s = sent_at_s - vector["now_s"]
    if abs(shift_s) > SHIFT_MAX_S:
        return str(vector["token"])
    if "refused" in vector and shift_s:
        shift_s += MARGIN_S if shift_s > 0 else -MARGIN_S
    moved = payload[:-TIMESTAMP_BYTES] + struct.pack(">Q", now_s + shift_s)
    key = vector["keys"][0]
    was_signed = hmac.compare_digest(_signature(payload, key), signature)
    return _encoded(moved + _signature(moved, key if was_signed else f"not {key}"))


def _signature(payload: bytes, key: str) -> bytes:
    return hmac.new(key.encode(), payload, hashlib.sha256).digest()[:SIGNATURE_BYTES]


def _decoded(token: str) -> bytes:
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
