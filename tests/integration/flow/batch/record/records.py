"""What stands on record, and what a step changes of it."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.rig import Rig

Row = dict[str, Any]

HASH = "0x" + "ab" * 32
AMOUNTS = ("total_usd", "amount_eth", "quoted_usdt", "received_usdt", "late_usdt", "deposit_eth")


def now(rig: Rig) -> Any:
    """The check's own time, as columns hold it."""
    return rig.clock().replace(tzinfo=None)


def ours(rig: Rig) -> list[Row]:
    """The batches that the tests opened, oldest first."""
    return [row for row in rig.batches() if row["total_eth_usd"] != 9]


def changes(before: list[Row], after: list[Row]) -> list[Row]:
    """What is another than it was in the rows that are others, and in no row beside them."""
    pairs = zip(before, after, strict=True)
    changed = ({name: new[name] for name in new if new[name] != old[name]} for old, new in pairs)
    return [each for each in changed if each]


def events(rig: Rig, *, after: int = 0) -> list[Row]:
    """What the events tell, from the how-manieth on; amounts as numbers."""
    documents = [json.loads(row["data"]) for row in rig.sql("SELECT data FROM batch_events ORDER BY id")[after:]]
    return [{key: _read(key, value) for key, value in each.items()} for each in documents]


def _read(key: str, value: Any) -> Any:
    return Decimal(value) if key in AMOUNTS and value is not None else value


def facts(batch: Row) -> Row:
    """What every event tells of a batch."""
    return {
        "batch_conversion_id": str(batch["batch_conversion_id"]),
        "total_usd": Decimal(25),
        "payments": 2,
        "amount_eth": batch["amount_eth"],
        "quoted_usdt": batch["quoted_usdt"],
        "cn_api_id": batch["cn_api_id"],
        "payin_address": batch["payin_address"],
        "reason": "threshold_reached",
    }


def line(caplog: pytest.LogCaptureFixture, event: str) -> Row:
    """The fields of the one line of an event."""
    (found,) = [record for record in caplog.records if getattr(record, "event", "") == event]
    fields: Row = found.fields  # type: ignore[attr-defined]
    return fields
