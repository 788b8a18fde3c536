"""Payments as they came in, ready to be replayed: instants and dollars as whole numbers, with their running sums."""

import csv
import gzip
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Final

from shared.errors import ValueImpossible
from shared.model.money import parse_amount, to_units

CHECK_INTERVAL: Final = timedelta(minutes=15)
COLUMNS: Final = ("created_at", "amount_usd")

MICROSECOND: Final = timedelta(microseconds=1)
HOUR: Final = timedelta(hours=1)
HOUR_US: Final = HOUR // MICROSECOND
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Arrivals:
    """Payments, oldest first; an instant is whole microseconds since 1970, an amount whole units of 1e-8 dollars."""

    instants_us: Sequence[int]
    amounts: Sequence[int] = field(repr=False)
    interval: timedelta = CHECK_INTERVAL

    interval_us: int = field(init=False, repr=False, compare=False)
    """The time between two checks, in microseconds."""
    sums: Sequence[int] = field(init=False, repr=False, compare=False)
    """What the first n payments are together; one longer than the payments."""
    moments: Sequence[int] = field(init=False, repr=False, compare=False)
    """The same of amount times instant, from which waiting follows by one subtraction."""
    ticks: Sequence[int] = field(init=False, repr=False, compare=False)
    """The first check that sees each payment, counted in intervals since 1970."""
    seen: Sequence[int] = field(init=False, repr=False, compare=False)
    """How many payments that check sees, this one and all before it included."""

    def __post_init__(self) -> None:
        products = (amount * instant for amount, instant in zip(self.amounts, self.instants_us, strict=True))
        interval_us = self.interval // MICROSECOND
        ticks = [-(-instant // interval_us) for instant in self.instants_us]
        seen_by = {tick: count for count, tick in enumerate(ticks, start=1)}
        for name, value in {
            "interval_us": interval_us,
            "sums": list(accumulate(self.amounts, initial=0)),
            "moments": list(accumulate(products, initial=0)),
            "ticks": ticks,
            "seen": [seen_by[tick] for tick in ticks],
        }.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.instants_us)

    @property
    def span(self) -> timedelta:
        """From the first payment to the last."""
        return (self.instants_us[-1] - self.instants_us[0]) * MICROSECOND

    def seen_at(self, tick: int) -> int:
        """How many payments the check at *tick* sees."""
        return bisect_right(self.instants_us, tick * self.interval_us)

    def moment(self, instant_us: int) -> datetime:
        """An instant as a datetime; aware UTC."""
        return _EPOCH + instant_us * MICROSECOND

    def split(self, share: float) -> tuple["Arrivals", "Arrivals"]:
        """The payments of the first *share* of the time, and those of the rest."""
        border = self.instants_us[0] + int((self.instants_us[-1] - self.instants_us[0]) * share)
        at = bisect_right(self.instants_us, border)
        return (
            Arrivals(self.instants_us[:at], self.amounts[:at], self.interval),
            Arrivals(self.instants_us[at:], self.amounts[at:], self.interval),
        )


def sorted_arrivals(payments: Iterable[tuple[int, int]], interval: timedelta = CHECK_INTERVAL) -> Arrivals:
    """Put pairs of instant and amount in order; raises ValueImpossible where none can be replayed."""
    ordered = sorted(payments)
    if not ordered:
        raise ValueImpossible("there is no payment to replay")
    if ordered[0][1] <= 0 or min(amount for _, amount in ordered) <= 0:
        raise ValueImpossible("a payment is not above 0")
    return Arrivals(tuple(instant for instant, _ in ordered), tuple(amount for _, amount in ordered), interval)


def read_csv(file: Path, interval: timedelta = CHECK_INTERVAL) -> Arrivals:
    """Read payments from a CSV file (also .gz) with the columns created_at (RFC 3339) and amount_usd."""
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        if not set(COLUMNS) <= set(rows.fieldnames or ()):
            raise ValueImpossible(f"{file.name} needs the columns {' and '.join(COLUMNS)}")
        return sorted_arrivals((_read(row, f"{file.name} line {rows.line_num}") for row in rows), interval)


def _read(row: dict[str, str], where: str) -> tuple[int, int]:
    try:
        instant = datetime.fromisoformat(row["created_at"])
        amount = to_units(parse_amount(row["amount_usd"]))
    except (TypeError, ValueError, ValueImpossible) as error:
        raise ValueImpossible(f"{where}: {error}") from error
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // MICROSECOND, amount
