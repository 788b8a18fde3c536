"""Writes tokens.json: `python -m tests.vectors.tokens`.

Built here byte by byte from the wire format alone, with neither the functions' code nor the stand-in's, so that the
vectors are a third opinion on both.
"""

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("tokens.json")
ABOUT: Final = (
    "Each vector holds the keys (text, the first one signs, any may have signed), the reader's clock `now_s` (Unix "
    "seconds) and a token. A good one holds its fields, amounts as decimal text, and `signed_hex`, the bytes before "
    "the signature; whoever writes those fields must write that token, whoever reads it must find those fields. A "
    "refused one says why: `unreadable` (answer 400), `untrusted` (401), `impossible` (422). `orders` go to GCHostPay1 "
    "and are accepted up to 300 s old and 5 s ahead; `responses` come from it, up to 90000 s old and 60 s ahead."
)
KEY: Final = "a-key-that-two-teams-share"
NOW_S: Final = 1795341600
BATCH: Final = "6f1c2d3e-4a5b-4c6d-8e9f-0a1b2c3d4e5f"
ORDER: Final = {
    "context": "batch",
    "batch_conversion_id": BATCH,
    "cn_api_id": "c3f2a1b0d9e8f7",
    "from_currency": "eth",
    "from_network": "eth",
    "from_amount": "0.01666666",
    "payin_address": "0x" + "12" * 20,
    "timestamp": NOW_S,
}
RESPONSE: Final = {
    "batch_conversion_id": BATCH,
    "cn_api_id": "c3f2a1b0d9e8f7",
    "tx_hash": "0x" + "ab" * 32,
    "actual_usdt_received": "48.5",
    "timestamp": NOW_S,
}
AMOUNTS: Final = {"from_amount", "actual_usdt_received"}


def text(value: str | bytes) -> bytes:
    """One length byte, then UTF-8."""
    data = value.encode() if isinstance(value, str) else value
    return bytes([len(data)]) + data


def packed(fields: Mapping[str, Any]) -> bytes:
    """The bytes before the signature; an amount is a double, the timestamp an unsigned 64-bit integer."""
    parts = []
    for name, value in fields.items():
        if name in AMOUNTS:
            parts.append(struct.pack(">d", float(value)))
        elif name == "timestamp":
            parts.append(struct.pack(">Q", value))
        else:
            parts.append(text(value))
    return b"".join(parts)


def signed(payload: bytes, key: str = KEY) -> bytes:
    """A payload with the first 16 bytes of its HMAC-SHA256."""
    return payload + hmac.new(key.encode(), payload, hashlib.sha256).digest()[:16]


def encoded(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def good(name: str, base: Mapping[str, Any], *, keys: tuple[str, ...] = (KEY,), **changes: Any) -> dict[str, Any]:
    """A vector that is accepted; signed with the first of *keys*."""
    fields = {**base, **changes}
    payload = packed(fields)
    return {
        "name": name,
        "keys": list(keys),
        "now_s": NOW_S,
        "fields": fields,
        "signed_hex": payload.hex(),
        "token": encoded(signed(payload, keys[0])),
    }


def refused(name: str, why: str, token: str) -> dict[str, Any]:
    """A vector that is not."""
    return {"name": name, "keys": [KEY], "now_s": NOW_S, "refused": why, "token": token}


def right(base: Mapping[str, Any], **changes: Any) -> str:
    """A token whose signature is right, whatever it says."""
    return encoded(signed(packed({**base, **changes})))


def turned(raw: bytes, position: int) -> bytes:
    """One bit of the bytes turned."""
    changed = bytearray(raw)
    changed[position] ^= 1
    return bytes(changed)


def good_orders() -> list[dict[str, Any]]:
    """What GCHostPay1 must accept."""
    return [
        good("an order", ORDER),
        good("an amount of one unit", ORDER, from_amount="0.00000001"),
        good("an amount that no double carries exactly", ORDER, from_amount="0.1"),
        good("an amount of fifteen digits", ORDER, from_amount="1234567.12345678"),
        good("a whole number of ether", ORDER, from_amount="3"),
        good("an address of 255 bytes", ORDER, payin_address="x" * 255),
        good("300 seconds old", ORDER, timestamp=NOW_S - 300),
        good("5 seconds ahead", ORDER, timestamp=NOW_S + 5),
        good("signed with the first of two keys", ORDER, keys=("the-next-key", KEY)),
    ]


def good_responses() -> list[dict[str, Any]]:
    """What swap_executed must accept."""
    return [
        good("a response", RESPONSE),
        good("six decimals, as USDT has them", RESPONSE, actual_usdt_received="1.832669"),
        good("an amount that no double carries exactly", RESPONSE, actual_usdt_received="0.1"),
        good("a million and more", RESPONSE, actual_usdt_received="1234567.891234"),
        good("an amount of one unit", RESPONSE, actual_usdt_received="0.00000001"),
        good("a hash of 100 characters", RESPONSE, tx_hash="f" * 100),
        good("25 hours old", RESPONSE, timestamp=NOW_S - 90_000),
        good("60 seconds ahead", RESPONSE, timestamp=NOW_S + 60),
        good("signed with the first of two keys", RESPONSE, keys=("the-next-key", KEY)),
    ]


def damaged(base: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What neither side may accept, of whichever token."""
    raw = signed(packed(base))
    return [
        refused("nothing", "unreadable", ""),
        refused("not base64url", "unreadable", encoded(raw)[:-4] + "+/=="),
        refused("a space in it", "unreadable", encoded(raw)[:9] + " " + encoded(raw)[9:]),
        refused("a signature over nothing", "unreadable", encoded(signed(b""))),
        refused("one byte too many, rightly signed", "unreadable", encoded(signed(packed(base) + b"\0"))),
        refused("one byte too few, rightly signed", "unreadable", encoded(signed(packed(base)[:-1]))),
        refused("a length that leads beyond the end", "unreadable", encoded(signed(b"\xff" + packed(base)[1:]))),
        refused("another key", "untrusted", encoded(signed(packed(base), "another-key"))),
        refused("the first bit turned", "untrusted", encoded(turned(raw, 0))),
        refused("a bit of the amount turned", "untrusted", encoded(turned(raw, raw.index(packed_amount(base))))),
        refused("a bit of the signature turned", "untrusted", encoded(turned(raw, -1))),
    ]


def packed_amount(base: Mapping[str, Any]) -> bytes:
    """The eight bytes of a token's amount."""
    return struct.pack(">d", float(next(value for name, value in base.items() if name in AMOUNTS)))


def refused_orders() -> list[dict[str, Any]]:
    """What GCHostPay1 must not pay."""
    return [
        *damaged(ORDER),
        refused("another context", "unreadable", right(ORDER, context="instant")),
        refused("a batch id cut to 16 characters", "unreadable", right(ORDER, batch_conversion_id=BATCH[:16])),
        refused("another currency", "unreadable", right(ORDER, from_currency="btc")),
        refused("another network", "unreadable", right(ORDER, from_network="bsc")),
        refused("no amount", "unreadable", right(ORDER, from_amount="0")),
        refused("a negative amount", "unreadable", right(ORDER, from_amount="-0.01666666")),
        refused("an infinite amount", "unreadable", right(ORDER, from_amount="inf")),
        refused("no number for an amount", "unreadable", right(ORDER, from_amount="nan")),
        refused("301 seconds old", "untrusted", right(ORDER, timestamp=NOW_S - 301)),
        refused("6 seconds ahead", "untrusted", right(ORDER, timestamp=NOW_S + 6)),
    ]


def refused_responses() -> list[dict[str, Any]]:
    """What swap_executed must not settle."""
    return [
        *damaged(RESPONSE),
        refused("with padding", "unreadable", encoded(signed(packed(RESPONSE))) + "="),
        refused("a hash that is not UTF-8", "unreadable", right(RESPONSE, tx_hash=b"\xff\xfe")),
        refused("a batch id cut to 16 characters", "impossible", right(RESPONSE, batch_conversion_id=BATCH[:16])),
        refused("a batch id with its prefix", "impossible", right(RESPONSE, batch_conversion_id=f"batch_{BATCH}")),
        refused("no exchange", "impossible", right(RESPONSE, cn_api_id="")),
        refused("a line break in the hash", "impossible", right(RESPONSE, tx_hash="0x" + "ab" * 32 + "\n")),
        refused("a hash of 101 characters", "impossible", right(RESPONSE, tx_hash="f" * 101)),
        refused("no amount", "impossible", right(RESPONSE, actual_usdt_received="0")),
        refused("a negative amount", "impossible", right(RESPONSE, actual_usdt_received="-48.5")),
        refused("an amount below one unit", "impossible", right(RESPONSE, actual_usdt_received="5.9e-273")),
        refused("an amount just below one unit", "impossible", right(RESPONSE, actual_usdt_received="9.99999999e-9")),
        # Another service's retry token, signed with the same key: its context stands where a batch id would.
        refused(
            "a context of seven letters for a batch id", "impossible", right(RESPONSE, batch_conversion_id="instant")
        ),
        refused("an infinite amount", "impossible", right(RESPONSE, actual_usdt_received="inf")),
        refused("no number for an amount", "impossible", right(RESPONSE, actual_usdt_received="nan")),
        refused("more than 25 hours old", "untrusted", right(RESPONSE, timestamp=NOW_S - 90_001)),
        refused("61 seconds ahead", "untrusted", right(RESPONSE, timestamp=NOW_S + 61)),
        refused("the largest timestamp", "untrusted", right(RESPONSE, timestamp=2**64 - 1)),
    ]


def document() -> dict[str, Any]:
    """The whole file."""
    return {
        "about": ABOUT,
        "orders": good_orders() + refused_orders(),
        "responses": good_responses() + refused_responses(),
    }


def written() -> str:
    """The whole file as text."""
    return json.dumps(document(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
