"""Amounts: reading them, writing them, and splitting them to the last unit. No I/O, no float arithmetic.

A *unit* is 1e-8 of a dollar, an ETH or a USDT: the scale of every NUMERIC(20, 8) column.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any, Final

from shared.errors import ValueImpossible

PLACES: Final = 8
UNIT: Final = Decimal("0.00000001")
AMOUNT_MAX: Final = Decimal("999999999999.99999999")  # the largest NUMERIC(20, 8)

_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")
_NO_TIME = datetime.min  # noqa: DTZ901 - only ever compared with itself
_WIDE = Context(prec=80)


def parse_amount(text: str) -> Decimal:
    """Read a finite decimal number in ASCII digits; raises ValueImpossible for anything else."""
    if not _PLAIN_NUMBER.fullmatch(text):
        raise ValueImpossible(f"not a decimal number: {text[:40]!r}")
    return Decimal(text)


def plain(amount: Decimal) -> str:
    """Write an amount in digits, never with an exponent."""
    return format(amount, "f")


def dollars(amount_usd: Decimal) -> str:
    """Write dollars for a reader: two places, and more only where there are more."""
    whole, _, fraction = plain(amount_usd).partition(".")
    return f"${whole}.{fraction.rstrip('0').ljust(2, '0')}"


def round_down(amount: Decimal, places: int = PLACES) -> Decimal:
    """Cut an amount to *places* decimals, towards zero: never send or store more than there is."""
    return amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN, context=_WIDE)


def is_within(amount: Decimal, expected: Decimal, deviation_pct: Decimal) -> bool:
    """Tell whether an amount strays from the expected one by at most so many percent, either way."""
    return abs(amount - expected) * 100 <= expected * deviation_pct


def to_units(amount: Decimal) -> int:
    """Count an amount in units of 1e-8; raises ValueImpossible where that would lose digits."""
    if not amount.is_finite():
        raise ValueImpossible(f"not a finite amount: {amount}")
    scaled = amount.scaleb(PLACES, context=_WIDE)
    if scaled != scaled.to_integral_value(context=_WIDE):
        raise ValueImpossible(f"more than {PLACES} decimals: {plain(amount)}")
    return int(scaled)


def from_units(units: int) -> Decimal:
    """Turn a count of 1e-8 units back into an amount with eight decimals."""
    return Decimal(units).scaleb(-PLACES, context=_WIDE)


def decimal_from_double(value: float) -> Decimal:
    """Read the decimal that a peer wrote into a double: the shortest one that is that double.

    Exact for every decimal of up to 15 significant digits (IEEE 754 binary64).
    """
    amount = Decimal(repr(value))
    if not amount.is_finite():
        raise ValueImpossible(f"not a finite number: {value!r}")
    return amount


def pack_double(amount: Decimal) -> bytes:
    """Write an amount as a big-endian double; raises ValueImpossible if the double would carry another amount."""
    packed = struct.pack(">d", float(amount))
    (value,) = struct.unpack(">d", packed)
    if decimal_from_double(value) != amount:
        raise ValueImpossible(f"a double cannot carry {plain(amount)} without loss")
    return packed


def allocate(total_units: int, weights: Sequence[int]) -> list[int]:
    """Split *total_units* by *weights* to the last unit; no share strays a whole unit from its exact value.

    Largest remainder (Hamilton's method): floors first, then one unit each to the largest remainders, ties to the
    earlier weight. Weights are integers on any common scale; shares come back in the order of the weights.
    """
    whole = sum(weights)
    if total_units < 0 or whole <= 0 or min(weights) < 0:
        raise ValueImpossible("a split needs a total and weights of at least 0, one weight above it")
    parts = [divmod(total_units * weight, whole) for weight in weights]
    shares = [floor for floor, _ in parts]
    left_over = total_units - sum(shares)
    by_remainder = sorted(range(len(parts)), key=lambda index: -parts[index][1])
    for index in by_remainder[:left_over]:
        shares[index] += 1
    return shares


def distribute_usdt_proportionally(
    pending_records: Sequence[Mapping[str, Any]], actual_usdt_received: Decimal
) -> list[dict[str, Any]]:
    """Split the USDT received over payments in proportion to their dollars, exactly.

    The readable statement of the rule that ``sql/settlement.sql`` applies in the database; both give the same shares.

    *pending_records* hold ``id`` and ``accumulated_eth`` (US dollars) and may hold ``created_at``; returned
    are, in the same order, ``id``, ``usdt_share`` (USDT, eight decimals) and ``percentage`` (of the dollars). The
    shares sum to *actual_usdt_received*; which payments get the last units depends on the payments alone (largest
    remainder, ties to the older by ``created_at`` and ``id``), not on their order here.
    """
    if not pending_records:
        return []
    by_age = sorted(
        range(len(pending_records)),
        key=lambda index: (
            pending_records[index].get("created_at", _NO_TIME),
            pending_records[index]["id"],
        ),
    )
    weights = [_weight_units(pending_records[index]) for index in by_age]
    shares = allocate(to_units(actual_usdt_received), weights)
    share_by_index = dict(zip(by_age, shares, strict=True))
    whole = sum(weights)
    return [
        {
            "id": record["id"],
            "usdt_share": from_units(share_by_index[index]),
            "percentage": _WIDE.divide(Decimal(_weight_units(record) * 100), Decimal(whole)),
        }
        for index, record in enumerate(pending_records)
    ]


def _weight_units(record: Mapping[str, Any]) -> int:
    return to_units(parse_amount(str(record["accumulated_eth"])))
