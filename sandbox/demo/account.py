"""What a world has done, read from its database, logs and ledgers, and what is wrong with it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from sandbox.changenow.exchange import Exchange
from sandbox.peers.gcbatchprocessor import Payout
from sandbox.peers.gchostpay1 import Payment as WalletPayment
from sandbox.world.world import World

# A share may stray from its exact proportional value by less than this, in USDT.
UNIT = Fraction(1, 10**8)

PAYMENTS = """
SELECT id, client_id, user_id, payment_amount_usd, accumulated_eth, conversion_status,
       batch_conversion_id, accumulated_amount_usdt, conversion_tx_hash, created_at, is_paid_out
FROM payout_accumulation ORDER BY created_at, id
"""
BATCHES = """
SELECT batch_conversion_id, total_eth_usd, threshold_at_creation, amount_eth, quoted_usdt,
       actual_usdt_received, conversion_status, cn_api_id, conversion_tx_hash, created_at,
       completed_at
FROM batch_conversions ORDER BY id
"""


@dataclass(frozen=True)
class PaymentRow:
    """A payment as the database has it."""

    id: int
    client_id: str
    user_id: int
    paid_usd: Decimal
    amount_usd: Decimal  # what it counts with, after the fee
    status: str
    batch: UUID | None
    amount_usdt: Decimal | None  # its dollars while it is pending, its share once completed
    tx_hash: str | None
    created_at: datetime
    is_paid_out: bool

    @property
    def share_usdt(self) -> Decimal | None:
        """Its part of what was received; None while it waits."""
        return None if self.batch is None else self.amount_usdt


@dataclass(frozen=True)
class BatchRow:
    """A batch as the database has it."""

    id: UUID
    total_usd: Decimal
    threshold_usd: Decimal
    amount_eth: Decimal | None
    quoted_usdt: Decimal | None
    received_usdt: Decimal | None
    status: str
    cn_api_id: str | None
    tx_hash: str | None
    created_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True)
class Account:
    """Everything that is known at the end."""

    payments: list[PaymentRow]
    batches: list[BatchRow]
    exchanges: list[Exchange]  # ChangeNow's own records
    ledger: list[WalletPayment]  # GCHostPay1's
    payouts: list[Payout]  # GCBatchProcessor's
    log_lines: list[tuple[str, dict[str, Any]]]  # function and line, oldest first

    def payments_of(self, batch: BatchRow) -> list[PaymentRow]:
        """The payments that the batch claimed."""
        return [payment for payment in self.payments if payment.batch == batch.id]

    def exchange_of(self, batch: BatchRow) -> Exchange | None:
        """The exchange whose id the batch holds."""
        return next((e for e in self.exchanges if e.id == batch.cn_api_id), None)


def take_account(world: World) -> Account:
    """Read all of it now."""
    payments = [PaymentRow(*_utc(row)) for row in world.query(PAYMENTS)]
    batches = [BatchRow(*_utc(row)) for row in world.query(BATCHES)]
    names = ("check_threshold", "swap_executed")
    log_lines = [(name, line) for name in names for line in world.logs(name) if "time" in line]
    return Account(
        payments=payments,
        batches=batches,
        exchanges=world.changenow.exchanges,
        ledger=world.gchostpay1.payments,
        payouts=world.gcbatchprocessor.payouts,
        log_lines=sorted(log_lines, key=lambda entry: str(entry[1]["time"])),
    )


def _utc(row: dict[str, Any]) -> list[Any]:
    """The row's values; the tables' times have no zone and mean UTC."""
    return [
        value.replace(tzinfo=UTC) if isinstance(value, datetime) and not value.tzinfo else value
        for value in row.values()
    ]


def find_problems(account: Account) -> list[str]:
    """Name every broken rule of money; an empty list is what a good run ends with."""
    problems = _stray_payments(account)
    for batch in account.batches:
        problems += [f"batch {batch.id}: {problem}" for problem in _batch_problems(account, batch)]
    known = {batch.cn_api_id for batch in account.batches}
    problems += [
        f"exchange {exchange.id} was paid and belongs to no batch"
        for exchange in account.exchanges
        if exchange.deposits and exchange.id not in known
    ]
    return problems + _payout_problems(account)


def _payout_problems(account: Account) -> list[str]:
    """Whether each client was sent exactly what its payments that are marked as paid out hold."""
    marked: dict[str, Decimal] = defaultdict(Decimal)
    for payment in account.payments:
        if payment.is_paid_out:
            marked[payment.client_id] += payment.amount_usdt or Decimal(0)
    sent = paid_out_by_client(account)
    return [
        f"{client_id} was sent {sent.get(client_id, Decimal(0))} USDT, its paid payments hold {marked[client_id]}"
        for client_id in sorted(sent.keys() | marked.keys())
        if sent.get(client_id, Decimal(0)) != marked[client_id]
    ]


def _stray_payments(account: Account) -> list[str]:
    """Payments that are neither pending nor completed in a batch."""
    problems = []
    for payment in account.payments:
        claimed = payment.batch is not None
        if payment.status != ("completed" if claimed else "pending"):
            where = "claimed" if claimed else "not claimed"
            problems.append(f"payment {payment.id} is {where} and {payment.status}")
    return problems


def _batch_problems(account: Account, batch: BatchRow) -> list[str]:
    payments = account.payments_of(batch)
    if batch.status != "completed" or batch.received_usdt is None:
        return [f"is {batch.status}, not completed"]
    problems = []
    if not payments or sum(p.amount_usd for p in payments) != batch.total_usd:
        problems.append(f"its payments do not sum to {batch.total_usd} dollars")
    shares = sum((p.share_usdt or Decimal(0)) for p in payments)
    if shares != batch.received_usdt:
        problems.append(f"shares sum to {shares}, received were {batch.received_usdt} USDT")
    problems += [
        f"the share of payment {payment.id} is not its proportion"
        for payment in payments
        if not _is_proportional(payment, batch)
    ]
    return problems + _payment_order_problems(account, batch)


def _is_proportional(payment: PaymentRow, batch: BatchRow) -> bool:
    if payment.share_usdt is None or payment.share_usdt < 0 or not batch.total_usd:
        return False
    proportion = Fraction(payment.amount_usd) / Fraction(batch.total_usd)
    exact = proportion * Fraction(batch.received_usdt or 0)
    return abs(Fraction(payment.share_usdt) - exact) < UNIT


def _payment_order_problems(account: Account, batch: BatchRow) -> list[str]:
    """Whether the wallet paid once, the amount ordered, and the exchange paid out what is stored."""
    ledger = [entry for entry in account.ledger if entry.batch_conversion_id == str(batch.id)]
    exchange = account.exchange_of(batch)
    if exchange is None:
        return [f"ChangeNow does not know its exchange {batch.cn_api_id}"]
    problems = []
    if len(ledger) != 1 or len(exchange.deposits) != 1:
        times = f"{len(ledger)} times by GCHostPay1, {len(exchange.deposits)} deposits arrived"
        problems.append(f"was paid for {times}")
    amounts = {d.amount_eth for d in exchange.deposits} | {exchange.expected_amount_from}
    if amounts != {batch.amount_eth}:
        problems.append(f"was to cost {batch.amount_eth} ETH, not {sorted(amounts)}")
    if exchange.amount_to != batch.received_usdt:
        problems.append(f"ChangeNow paid out {exchange.amount_to}, not {batch.received_usdt} USDT")
    if batch.tx_hash not in {entry.tx_hash for entry in ledger}:
        problems.append(f"its transaction {batch.tx_hash} is not the wallet's")
    return problems


def paid_out_by_client(account: Account) -> dict[str, Decimal]:
    """What each client was sent, in USDT."""
    sent: dict[str, Decimal] = defaultdict(Decimal)
    for payout in account.payouts:
        sent[payout.client_id] += payout.amount_usdt
    return dict(sent)


def clients_of(account: Account) -> dict[str, Decimal]:
    """What each client is owed, in USDT, from the completed payments."""
    owed: dict[str, Decimal] = defaultdict(Decimal)
    for payment in account.payments:
        owed[payment.client_id] += payment.share_usdt or Decimal(0)
    return dict(owed)
