"""The fence: the newest orders, as they are known outside the database. A database that lacks the newest was put back.

The document is one JSON object; amounts are strings. It names the newest order by number and batch, and lists the last
ORDERS_MAX orders with all that is needed to enter a batch again that a restored database has forgotten.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, Self

from shared.errors import FenceLost, ValueImpossible
from shared.model.money import parse_amount, plain

FORMAT: Final = "micro-batch fence 1"
ORDERS_MAX: Final = 200
DOCUMENT_BYTES_MAX: Final = 1024 * 1024  # an order takes less than two thousand bytes
NUMBER_MAX: Final = 2**63 - 1


@dataclass(frozen=True)
class FencedOrder:
    """An order that may be out, with the facts of its batch; instants are aware UTC.

    *payment_ids* are ranges such as ``7-9,12``; None where they would be too long to be kept.
    """

    number: int
    batch_conversion_id: uuid.UUID
    prepared_at: datetime
    opened_at: datetime
    reason: str
    threshold_usd: Decimal
    total_usd: Decimal
    payments: int
    payment_ids: str | None
    amount_eth: Decimal
    quoted_usdt: Decimal | None
    cn_api_id: str
    payin_address: str


@dataclass(frozen=True)
class Fence:
    """The newest order's number and batch (0 and None before the first), and the last orders, oldest first.

    Every order with a number above *complete_after* is listed.
    """

    number: int = 0
    batch_conversion_id: uuid.UUID | None = None
    complete_after: int = 0
    orders: tuple[FencedOrder, ...] = ()

    def tells_of(self, order: FencedOrder) -> bool:
        """Tell whether an order is listed, or older than what the list still goes back to."""
        listed = {(other.number, other.batch_conversion_id) for other in self.orders}
        return order.number <= self.complete_after or (order.number, order.batch_conversion_id) in listed

    def with_order(self, order: FencedOrder) -> Self:
        """Put an order where its number belongs; an earlier one of the same batch is replaced, the oldest make room.

        One whose intent is older than the newest order's leaves after it where a check died, or had no answer, between.
        """
        others = [other for other in self.orders if other.batch_conversion_id != order.batch_conversion_id]
        orders = sorted([*others, order], key=attrgetter("number"))
        dropped, kept = orders[:-ORDERS_MAX], orders[-ORDERS_MAX:]
        complete_after = max([self.complete_after, *(other.number for other in dropped)])
        is_newest = order.number >= self.number
        return replace(
            self,
            number=order.number if is_newest else self.number,
            batch_conversion_id=order.batch_conversion_id if is_newest else self.batch_conversion_id,
            complete_after=complete_after,
            orders=tuple(kept),
        )

    @property
    def document(self) -> dict[str, Any]:
        """The fence as it is kept: one JSON object, amounts and instants as text."""
        written: dict[str, Any] = json.loads(json.dumps({"format": FORMAT, **asdict(self)}, default=_to_text))
        return written


def parse_fence(content: bytes) -> Fence:
    """Read the document; raises FenceLost for anything else."""
    try:
        return _read_fence(json.loads(content, parse_float=_refuse, parse_constant=_refuse))
    except (ValueError, KeyError, TypeError, RecursionError, ValueImpossible) as error:
        raise FenceLost(f"it holds no fence ({type(error).__name__}: {error})"[:200]) from error


def parse_ranges(text: str) -> Iterator[range]:
    """Read ids such as ``7-9,12`` as ranges, each above the one before; raises ValueError."""
    last = 0
    for part in text.split(","):
        if not (ends := re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", part.strip())):
            raise ValueError(f"{part!r} is neither an id nor two with a hyphen between")
        first, last_before = int(ends[1]), last
        last = int(ends[2] or ends[1])
        if not last_before < first <= last:
            raise ValueError(f"{part!r} does not come after the ids before it")
        yield range(first, last + 1)


def _read_fence(document: Any) -> Fence:
    if not isinstance(document, dict) or document["format"] != FORMAT:
        raise ValueError(f"its format is not {FORMAT!r}")
    batch = document["batch_conversion_id"]
    fence = Fence(
        number=_read_number(document["number"]),
        batch_conversion_id=None if batch is None else uuid.UUID(batch),
        complete_after=_read_number(document["complete_after"]),
        orders=tuple(map(read_order, document["orders"])),
    )
    if (fence.number == 0) != (batch is None) or not isinstance(document["orders"], list):
        raise ValueError("a number, its batch and the orders belong together")
    numbers = [order.number for order in fence.orders]
    if numbers != sorted(set(numbers)) or (numbers and numbers[-1] != fence.number):
        raise ValueError("its orders do not lead up to its number")
    return fence


def read_order(document: Mapping[str, Any]) -> FencedOrder:
    """Read one order as the fence lists it; raises ValueError, KeyError, TypeError or ValueImpossible."""
    order = FencedOrder(**{field.name: _READERS[field.name](document[field.name]) for field in fields(FencedOrder)})
    if order.payment_ids is not None:
        for _ in parse_ranges(order.payment_ids):
            pass
    return order


def _read_number(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= NUMBER_MAX:
        raise ValueError(f"{value!r} is no number")
    return value


def _read_text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{value!r} is no text")
    return value


def _read_instant(value: Any) -> datetime:
    instant = datetime.fromisoformat(_read_text(value))
    if instant.tzinfo is None:
        raise ValueError(f"{value!r} has no zone")
    return instant.astimezone(UTC)


def _read_amount(value: Any) -> Decimal:
    return parse_amount(_read_text(value))


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "number": _read_number,
    "batch_conversion_id": lambda value: uuid.UUID(_read_text(value)),
    "prepared_at": _read_instant,
    "opened_at": _read_instant,
    "reason": _read_text,
    "threshold_usd": _read_amount,
    "total_usd": _read_amount,
    "payments": _read_number,
    "payment_ids": lambda value: None if value is None else _read_text(value),
    "amount_eth": _read_amount,
    "quoted_usdt": lambda value: None if value is None else _read_amount(value),
    "cn_api_id": _read_text,
    "payin_address": _read_text,
}


def _to_text(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no number of a fence")
