"""An order's facts from elsewhere than the fence: the batch.created event, or the log line that says the same."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from ops.command_line.failures import NotDone
from shared.errors import ValueImpossible
from shared.model.fence import FencedOrder, parse_ranges
from shared.model.money import parse_amount

UNLISTED: Final = 0  # the number of an order that the fence does not list any more


class PaymentIds(click.ParamType[str]):
    """Ids of payments in ranges: 7-9,12."""

    name = "IDS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return them as they were typed, if they can be read."""
        try:
            for _ in parse_ranges(str(value)):
                pass
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


def read_facts(file: Path, payment_ids: str | None) -> FencedOrder:
    """Read an order from a file with one JSON document: a published event, or an entry of the log."""
    try:
        document = json.loads(file.read_text(), parse_float=Decimal)
        entry = document[0] if isinstance(document, list) and len(document) == 1 else document
        facts = entry.get("jsonPayload", entry)
        return _read_order(facts, str(facts.get("occurred_at") or entry["timestamp"]), payment_ids)
    except (ValueError, KeyError, TypeError, AttributeError, ValueImpossible) as error:
        raise NotDone(f"{file} is neither a batch.created event nor its log line: {error!r}") from error


def _read_order(facts: Mapping[str, Any], sent_at: str, payment_ids: str | None) -> FencedOrder:
    if facts["event"] not in ("batch.created", "batch_created"):
        raise ValueError(f"it tells of {facts['event']}")
    instant = datetime.fromisoformat(sent_at).astimezone(UTC)
    quoted = facts.get("quoted_usdt")
    return FencedOrder(
        number=UNLISTED,
        batch_conversion_id=uuid.UUID(facts["batch_conversion_id"]),
        prepared_at=instant,
        opened_at=instant,
        reason=str(facts["reason"]),
        threshold_usd=Decimal(0),  # not told
        total_usd=parse_amount(facts["total_usd"]),
        payments=int(facts["payments"]),
        payment_ids=payment_ids,
        amount_eth=parse_amount(facts["amount_eth"]),
        quoted_usdt=None if quoted is None else parse_amount(quoted),
        cn_api_id=str(facts["cn_api_id"]),
        payin_address=str(facts["payin_address"]),
    )
