"""Records of a long time, the same for the same seed: payments, batches, checks and acts as if all that had happened.

Played on a clock of its own in memory, a check every 15 minutes, then written with the rules set aside: a year of it is
in a database within seconds.
"""

import json
import math
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from random import Random
from typing import Any, Final

from sandbox.postgres.session import open_session
from tests.rig import run

CHECK_EVERY: Final = timedelta(minutes=15)
CENT: Final = Decimal("0.01")
UNIT: Final = Decimal("0.00000001")
USD_PER_ETH: Final = Decimal(3000)
THRESHOLDS: Final = ((0.0, Decimal(200)), (0.35, Decimal(500)), (0.7, Decimal(1000)))
OPERATORS: Final = ("ada", "grace", "linus")
AT_ONCE: Final = 20_000
Values = dict[str, Any]


@dataclass
class Records:
    """Rows by table; instants are aware UTC."""

    payments: list[Values] = field(default_factory=list)
    batches: list[Values] = field(default_factory=list)
    checks: list[Values] = field(default_factory=list)
    released: list[Values] = field(default_factory=list)
    changes: list[Values] = field(default_factory=list)
    acts: list[Values] = field(default_factory=list)


def make_records(payments: int, days: int, end: datetime, seed: int = 16) -> Records:
    """Play so many payments over so many days up to *end*."""
    return _Play(payments, days, end, Random(seed)).records


def write_records(url: str, records: Records) -> None:
    """Put records into a migrated database."""
    session = open_session(url)
    try:
        run(session, "SET session_replication_role = replica")
        for table, rows in (
            ("batch_conversions", records.batches),
            ("payout_accumulation", records.payments),
            ("threshold_checks", records.checks),
            ("released_payments", records.released),
            ("batch_state_changes", records.changes),
            ("operator_acts", records.acts),
        ):
            for part in _parts(rows):
                _insert(session, table, part)
        for table in ("batch_conversions", "payout_accumulation"):
            run(session, f"SELECT setval('{table}_id_seq', (SELECT MAX(id) FROM {table}))")
        run(session, "VACUUM (ANALYZE)")
    finally:
        session.close()


class _Play:
    """One play: what waits, what is in flight, what is on record."""

    def __init__(self, payments: int, days: int, end: datetime, rng: Random) -> None:
        self.records = Records()
        self._rng = rng
        self._waiting: list[Values] = []
        self._threshold_usd = Decimal(0)
        ticks = days * 96
        arrivals = sorted(rng.random() ** 0.8 for _ in range(payments))
        at, taken = end - CHECK_EVERY * ticks, 0
        for tick in range(ticks + 1):
            share = tick / ticks
            while taken < payments and arrivals[taken] <= share:
                self._arrive(end - timedelta(days=days) * (1 - arrivals[taken]))
                taken += 1
            self._move_lever(at, share)
            self._check(at + timedelta(seconds=2 + rng.random()), share, is_last=tick > ticks - 2)
            at += CHECK_EVERY

    def _arrive(self, at: datetime) -> None:
        paid = Decimal(str(round(math.exp(self._rng.gauss(2.4, 0.7)), 2))).quantize(CENT) + CENT
        dollars = (paid * Decimal("0.97")).quantize(UNIT)
        number = len(self.records.payments) + 1
        payment = _payment(number, f"client-{self._rng.randrange(1, 240)}", paid, at)
        payment |= {"accumulated_eth": dollars, "accumulated_amount_usdt": dollars}
        self.records.payments.append(payment)
        self._waiting.append(payment)

    def _move_lever(self, at: datetime, share: float) -> None:
        due = [usd for begins, usd in THRESHOLDS if begins <= share][-1]
        if due == self._threshold_usd:
            return
        old, self._threshold_usd = self._threshold_usd, due
        detail = {"lever": "threshold", "old": str(old), "new": str(due)}
        self._act("threshold set", at, detail, "more payments, fewer fees" if old else "launch")

    def _act(self, act: str, at: datetime, detail: Values, why: str) -> None:
        by = self._rng.choice(OPERATORS)
        self.records.acts.append(
            {"act": act, "by_whom": by, "why": why, "detail": json.dumps(detail), "acted_at": at - timedelta(minutes=1)}
        )

    def _check(self, at: datetime, share: float, *, is_last: bool) -> None:
        pending_usd = sum((payment["accumulated_eth"] for payment in self._waiting), Decimal(0))
        reason = "below_threshold"
        if math.sin(share * 997) > 0.996:
            reason = "exchange_unavailable"
        elif pending_usd >= self._threshold_usd:
            reason = "threshold_reached"
        oldest = self._waiting[0]["created_at"] if self._waiting else None
        check = _check_row(at, reason, pending_usd, len(self._waiting))
        check |= {"threshold_usd": self._threshold_usd, "oldest_pending_at": oldest}
        self.records.checks.append(check)
        if reason == "threshold_reached":
            check |= self._open(at, pending_usd, in_flight=is_last)

    def _open(self, at: datetime, total_usd: Decimal, *, in_flight: bool) -> Values:
        rng, held = self._rng, self._waiting
        batch_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        batch = _batch(len(self.records.batches) + 1, batch_id, at, total_usd)
        batch |= {"threshold_at_creation": self._threshold_usd, "payments_count": len(held)}
        self.records.batches.append(batch)
        self._change(batch_id, None, "pending", at)
        self._change(batch_id, "pending", "swapping", at)
        for payment in held:
            payment |= {"batch_conversion_id": batch_id, "conversion_status": "swapping"}
        if not in_flight and rng.random() < 0.02:
            self._fail(batch, held, at + timedelta(minutes=25 + 30 * rng.random()))
        else:
            self._waiting = []
            if not in_flight:
                self._complete(batch, held, at + timedelta(minutes=3 + rng.expovariate(0.15)))
        return {"decision": "open", "batch_conversion_id": batch_id, "batches_opened": 1}

    def _complete(self, batch: Values, held: Sequence[Values], at: datetime) -> None:
        rate = Decimal(str(round(0.988 + self._rng.gauss(0, 0.002), 6)))
        for payment in held:
            share = (payment["accumulated_eth"] * rate).quantize(UNIT, rounding=ROUND_DOWN)
            payment |= {"accumulated_amount_usdt": share, "conversion_status": "completed"}
        received = sum((payment["accumulated_amount_usdt"] for payment in held), Decimal(0))
        batch |= {"conversion_status": "completed", "actual_usdt_received": received, "completed_at": at}
        batch |= {"settled_by": "callback", "exchange_status": "finished"}
        self._change(batch["batch_conversion_id"], "swapping", "completed", at)

    def _fail(self, batch: Values, held: Sequence[Values], at: datetime) -> None:
        failure = self._rng.choice(("expired", "expired", "refunded", "failed"))
        batch |= {"conversion_status": "failed", "failure_reason": failure, "exchange_status": failure}
        batch_id = batch["batch_conversion_id"]
        for payment in held:
            payment |= {"batch_conversion_id": None, "conversion_status": "pending"}
            freed = {"batch_conversion_id": batch_id, "payment_id": payment["id"], "released_at": at}
            self.records.released.append(freed | {"amount_usd": payment["accumulated_eth"]})
        self._change(batch_id, "swapping", "failed", at)

    def _change(self, batch_id: str, before: str | None, after: str, at: datetime) -> None:
        change = {"batch_conversion_id": batch_id, "from_status": before, "to_status": after, "changed_at": at}
        self.records.changes.append(change)


def _payment(number: int, client: str, paid_usd: Decimal, at: datetime) -> Values:
    return {
        "id": number,
        "client_id": client,
        "user_id": number,
        "payment_amount_usd": paid_usd,
        "payment_currency": "eth",
        "payment_timestamp": at,
        "client_wallet_address": f"0x{number:040x}",
        "client_payout_currency": "usdt",
        "client_payout_network": "eth",
        "conversion_status": "pending",
        "batch_conversion_id": None,
        "created_at": at,
        "updated_at": at,
    }


def _batch(number: int, batch_id: str, at: datetime, total_usd: Decimal) -> Values:
    return {
        "id": number,
        "batch_conversion_id": batch_id,
        "total_eth_usd": total_usd,
        "conversion_status": "swapping",
        "opened_because": "threshold_reached",
        "amount_eth": (total_usd / USD_PER_ETH).quantize(UNIT, rounding=ROUND_DOWN),
        "quoted_usdt": (total_usd * Decimal("0.989")).quantize(Decimal("0.000001")),
        "deposit_fee_eth": Decimal("0.0004"),
        "withdrawal_fee_usdt": Decimal("0.80"),
        "minimum_eth": Decimal("0.002"),
        "market_usdt_per_eth": USD_PER_ETH,
        "cn_api_id": f"{number:014x}",
        "payin_address": f"0x{number:040x}",
        "created_at": at,
        "quoted_at": at,
        "processing_started_at": at + timedelta(seconds=1),
        "order_prepared_at": at + timedelta(seconds=2),
        "task_enqueued_at": at + timedelta(seconds=2),
        "completed_at": None,
        "actual_usdt_received": None,
        "settled_by": None,
        "failure_reason": None,
        "exchange_status": None,
    }


def _check_row(at: datetime, reason: str, pending_usd: Decimal, payments: int) -> Values:
    return {
        "checked_at": at,
        "pending_usd": pending_usd,
        "pending_payments": payments,
        "unclaimable_payments": 0,
        "threshold_source": "secret",
        "policy": "{}",
        "decision": "wait",
        "reason": reason,
        "batch_conversion_id": None,
        "batches_opened": 0,
    }


def _parts(rows: list[Values]) -> Iterator[list[Values]]:
    for first in range(0, len(rows), AT_ONCE):
        yield rows[first : first + AT_ONCE]


def _insert(session: Any, table: str, rows: Sequence[Values]) -> None:
    """Insert rows of one shape through one JSON document."""
    columns = ", ".join(rows[0])
    document = json.dumps(rows, default=_text)
    run(
        session,
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(CAST(NULL AS {table}), %s)",
        document,
    )


def _text(value: Any) -> str:
    """Times of these tables are UTC without a zone, or take the zone that is written."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
