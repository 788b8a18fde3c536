"""Checks a receipt, alone and offline: `python verify.py receipt.json`. Standard library only; copy it where you like.

A receipt says what one payment got of the USDT that its batch received. This file computes the share again from the
receipt's own figures (whole units of 0.00000001, floors first, the units left over one each to the largest remainders),
and the batch's digest from the payment and its path through the batch's Merkle tree (RFC 9162: 0x00 before a leaf, 0x01
before a node; 0x02 before the batch). The digest is published once for each batch, as the event `batch.digest`: two
receipts of one batch must show the same one. Ends with 0 where all of it holds, with 1 and a reason where it does not.
"""

import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

KIND = "telepay micro-batch receipt, version 1"
KEYS: dict[str, tuple[str, ...]] = {
    "": ("kind", "payment", "batch", "arithmetic", "proof", "digest"),
    "payment": ("id", "client_id", "created_at", "amount_usd", "rank", "usdt_share", "earlier_batches"),
    "batch": (
        "batch_conversion_id", "number", "payments", "total_usd", "usdt_received", "units_left_over", "cn_api_id",
        "tx_hash", "completed_at",
    ),
    "arithmetic": ("dividend", "divisor", "floor", "remainder", "units"),
    "proof": ("index", "path", "root"),
}  # fmt: skip

_AMOUNT = re.compile(r"(0|[1-9][0-9]*)\.([0-9]{8})")
_HASH = re.compile(r"[0-9a-f]{64}")


class NotTrueError(Exception):
    """The receipt does not hold; the message says what is wrong with it."""


def verify(text: str) -> dict[str, Any]:
    """Read a receipt and return it if everything in it holds; raises NotTrueError."""
    receipt = _read(text)
    payment, batch, proof = receipt["payment"], receipt["batch"], receipt["proof"]
    _require(receipt["kind"] == KIND, "it is of another kind or version")
    _require(receipt["arithmetic"] == arithmetic(payment, batch), "its arithmetic does not come out")
    units = int(receipt["arithmetic"]["units"])
    _require(units == units_of(payment["usdt_share"]), "the share is not what the arithmetic gives")
    root = climb(leaf_hash(leaf_text(payment)), proof["path"], index=proof["index"], size=batch["payments"])
    _require(root == proof["root"], "the payment is not in the batch's tree")
    _require(batch_digest(batch, root) == receipt["digest"], "the batch is not the one of this digest")
    return receipt


def arithmetic(payment: Mapping[str, Any], batch: Mapping[str, Any]) -> dict[str, str]:
    """The split, for one payment: the exact quotient, its floor and remainder, and the units that come of it."""
    payments, left_over, rank = batch["payments"], batch["units_left_over"], payment["rank"]
    _require(0 <= left_over < payments and 1 <= rank <= payments, "ranks and units do not fit the number of payments")
    divisor = units_of(batch["total_usd"])
    dividend = units_of(payment["amount_usd"]) * units_of(batch["usdt_received"])
    _require(divisor > 0, "the batch has no dollars")
    floor, remainder = divmod(dividend, divisor)
    units = floor + (1 if rank <= left_over else 0)
    figures = {"dividend": dividend, "divisor": divisor, "floor": floor, "remainder": remainder, "units": units}
    return {name: str(figure) for name, figure in figures.items()}


def units_of(amount: str) -> int:
    """An amount with eight decimals in units of 0.00000001."""
    match = _AMOUNT.fullmatch(amount)
    _require(match is not None, f"{amount!r} is not an amount with eight decimals")
    assert match is not None
    return int(match[1] + match[2])


def leaf_text(payment: Mapping[str, Any]) -> str:
    """What the tree holds of a payment: a JSON array of texts."""
    earlier = ",".join(payment["earlier_batches"])
    names = ("id", "client_id", "created_at", "amount_usd", "rank", "usdt_share")
    return json.dumps([*(str(payment[name]) for name in names), earlier], ensure_ascii=False)


def leaf_hash(text: str) -> bytes:
    """A leaf of the tree."""
    return hashlib.sha256(b"\x00" + text.encode()).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """A node of the tree."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def batch_digest(batch: Mapping[str, Any], root: str) -> str:
    """What stands for a whole batch: its own facts and its tree, in 64 hexadecimal digits."""
    text = json.dumps([*(str(batch[name]) for name in KEYS["batch"]), root], ensure_ascii=False)
    return hashlib.sha256(b"\x02" + text.encode()).hexdigest()


def climb(leaf: bytes, path: Sequence[str], *, index: int, size: int) -> str:
    """The root that a leaf at *index* of *size* and its path lead to, in hexadecimal digits."""
    _require(0 <= index < size, "there is no such place in the tree")
    node, place, last = leaf, index, size - 1
    for step in path:
        _require(_HASH.fullmatch(step) is not None and last > 0, "the path is not one of this tree")
        if place % 2 or place == last:
            node = node_hash(bytes.fromhex(step), node)
            while place and not place % 2:
                place, last = place // 2, last // 2
        else:
            node = node_hash(node, bytes.fromhex(step))
        place, last = place // 2, last // 2
    _require(last == 0, "the path is not one of this tree")
    return node.hex()


def written(receipt: Mapping[str, Any]) -> str:
    """A receipt as text, in the one spelling that is accepted."""
    return json.dumps(receipt, indent=2, ensure_ascii=False) + "\n"


def _read(text: str) -> dict[str, Any]:
    """The document, whose spelling leaves no choice: whatever is changed in the file shows."""
    try:
        receipt = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotTrueError("it is not a JSON document") from error
    for place, names in KEYS.items():
        part = receipt.get(place) if place else receipt
        _require(
            isinstance(part, dict) and tuple(part) == names, f"{place or 'the receipt'} has not the parts it must have"
        )
        assert isinstance(part, dict)
        _require(
            all(_fits(name, value) for name, value in part.items()), f"{place or 'the receipt'} holds an odd value"
        )
    _require(written(receipt) == text, "it is not spelled as it was written")
    assert isinstance(receipt, dict)
    return receipt


def _fits(name: str, value: object) -> bool:
    if name in KEYS:
        return isinstance(value, dict)
    if name in {"earlier_batches", "path"}:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if name in {"id", "rank", "number", "payments", "units_left_over", "index"}:
        return type(value) is int
    return isinstance(value, str)


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise NotTrueError(reason)


def in_words(receipt: Mapping[str, Any]) -> list[str]:
    """What a true receipt says."""
    payment, batch, figures = receipt["payment"], receipt["batch"], receipt["arithmetic"]
    is_one = batch["units_left_over"] == 1
    left_over, one = ("1 unit was", "it") if is_one else (f"{batch['units_left_over']} units were", "one of them")
    more = f", and this payment got {one}" if int(figures["units"]) > int(figures["floor"]) else ""
    payments = "1 payment" if batch["payments"] == 1 else f"{batch['payments']} payments"
    return [
        f"payment {payment['id']} of client {payment['client_id']}, {payment['created_at']}: ${payment['amount_usd']}",
        *(f"  first in batch {earlier}, which failed" for earlier in payment["earlier_batches"]),
        f"batch {batch['batch_conversion_id']} (#{batch['number']}), completed {batch['completed_at']}",
        f"  {payments}, ${batch['total_usd']}; received {batch['usdt_received']} USDT",
        f"  exchange {batch['cn_api_id']}, transaction {batch['tx_hash']}",
        f"  digest {receipt['digest']}",
        f"share {payment['usdt_share']} USDT",
        f"  {figures['dividend']} / {figures['divisor']} = {figures['floor']} units, remainder {figures['remainder']}",
        f"  rank {payment['rank']} by remainder; {left_over} left over{more}",
    ]


def main(arguments: Sequence[str]) -> int:
    """0 the receipt is true; 1 it is not; 2 typed wrongly."""
    if len(arguments) != 1:
        print("type: python verify.py receipt.json", file=sys.stderr)
        return 2
    try:
        receipt = verify(Path(arguments[0]).read_bytes().decode())
    except (NotTrueError, OSError, UnicodeDecodeError) as error:
        print(f"NOT TRUE: {error}", file=sys.stderr)
        return 1
    print("\n".join([*in_words(receipt), "all of it holds; compare the digest with the published one"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
