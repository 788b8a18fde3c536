"""A month's close: its figures and one digest over them and its batches, kept, and compared with the last close."""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.books.digests import compare_digest
from ops.books.month import read_month
from ops.command_line.acts import Act
from ops.command_line.answers import to_json
from ops.command_line.failures import NotDone
from ops.command_line.moments import Month
from shared.outside.database import Database, Transaction


@dataclass(frozen=True)
class LastClose:
    """How a month stood when it was closed last."""

    closed_at: datetime
    by_whom: str
    why: str | None
    sums: Mapping[str, Any]
    digest: str


@dataclass(frozen=True)
class Close:
    """A month as it stands now, beside its last close."""

    month: Month
    sums: Mapping[str, Any]
    open: Mapping[str, Any]
    digest: str
    batches_changed: Sequence[uuid.UUID]
    """Batches that no longer give the digest that was published of them."""
    last: LastClose | None

    @property
    def written(self) -> dict[str, Any]:
        """The figures as they are kept: amounts as strings."""
        return as_written(self.sums)

    @property
    def changes(self) -> list[dict[str, Any]]:
        """Every figure that is another than at the last close."""
        if self.last is None:
            return []
        pairs = [(name, self.last.sums.get(name), now) for name, now in self.written.items()]
        return [{"figure": name, "before": before, "now": now} for name, before, now in pairs if before != now]

    @property
    def is_new(self) -> bool:
        """Whether there is anything to put on record."""
        return self.last is None or self.digest != self.last.digest


def examine_month(database: Database, month: Month, said: Callable[[int, int], None]) -> Close:
    """Add a month up, and compute every batch's digest anew; *said* hears how many of how many are done."""
    with database.transaction() as transaction:
        batches = transaction.rows("list_batches_of_month", since=month.since, until=month.until)
    digests: list[tuple[uuid.UUID, str]] = []
    changed: list[uuid.UUID] = []
    for number, row in enumerate(batches, start=1):
        batch_conversion_id = row["batch_conversion_id"]
        digest, stored = compare_digest(database, batch_conversion_id)
        digests.append((batch_conversion_id, digest.hexadecimal))
        if stored is not None and stored.hexadecimal != digest.hexadecimal:
            changed.append(batch_conversion_id)
        said(number, len(batches))
    with database.transaction() as transaction:
        return _add_up(transaction, month, digests, changed)


def _add_up(
    transaction: Transaction, month: Month, digests: Sequence[tuple[uuid.UUID, str]], changed: Sequence[uuid.UUID]
) -> Close:
    of_batches = transaction.row("sum_month_of_batches", since=month.since, until=month.until)
    still_open = transaction.row("sum_open", until=month.until)
    assert of_batches is not None
    assert still_open is not None
    sums = read_month(transaction, month) | of_batches
    return Close(
        month=month,
        sums=sums,
        open=still_open,
        digest=digest_month(month, sums, digests),
        batches_changed=changed,
        last=read_last_close(transaction, month),
    )


def as_written(sums: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as a JSON document has them: amounts as strings."""
    written: dict[str, Any] = json.loads(to_json(sums))
    return written


def digest_month(month: Month, sums: Mapping[str, Any], digests: Sequence[tuple[uuid.UUID, str]]) -> str:
    """What stands for a month's figures and all of its batches, in 64 hexadecimal digits."""
    facts = [str(month), sorted(as_written(sums).items()), [[str(name), digest] for name, digest in digests]]
    return hashlib.sha256(b"\x03" + json.dumps(facts).encode()).hexdigest()


def read_last_close(transaction: Transaction, month: Month) -> LastClose | None:
    """Read how a month was closed last; None where it never was."""
    row = transaction.row("get_last_close", month=month.since.date())
    return LastClose(**row | {"sums": json.loads(row["sums"])}) if row else None


def record_close(database: Database, close: Close, act: Act) -> datetime:
    """Put a close on record; raises NotDone where somebody else has closed the month in the meantime."""
    with database.transaction() as transaction:
        transaction.row("lock_closes")
        if read_last_close(transaction, close.month) != close.last:
            raise NotDone(f"somebody has just closed {close.month}; type it again to see what changed since")
        row = transaction.row(
            "record_close",
            month=close.month.since.date(),
            by_whom=act.by[:255],
            why=act.why,
            sums=json.dumps(close.written),
            digest=close.digest,
        )
        assert row is not None
        act.record(transaction, {"month": str(close.month), "digest": close.digest})
    closed_at: datetime = row["closed_at"]
    return closed_at
