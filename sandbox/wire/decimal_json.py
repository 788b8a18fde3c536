"""JSON whose numbers are Decimals: read without a float, written as JavaScript writes numbers."""

import json
from decimal import Decimal
from typing import Any

# JavaScript goes over to exponent notation below this; a peer must be able to read both.
SMALLEST_PLAIN = Decimal("0.000001")


def load_json(body: bytes) -> Any:
    """Return the document in *body* with every number a Decimal; ValueError when it is not JSON."""
    return json.loads(body, parse_float=Decimal, parse_int=Decimal)


def dump_json(value: Any) -> bytes:
    """Write *value* as JSON; a Decimal becomes a JSON number with exactly its digits."""
    return _text(value).encode()


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return json.dumps(value, allow_nan=False)


def number_text(value: Decimal) -> str:
    """Write *value* as JavaScript does: no trailing zeros, an exponent only below 0.000001."""
    if not value.is_finite():
        raise ValueError(f"{value} has no place in JSON")
    if value == 0:
        return "0"
    if abs(value) >= SMALLEST_PLAIN:
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return format(value.normalize(), "e")
