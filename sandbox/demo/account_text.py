"""The account as a person reads it: payments and shares, batches, and what happened when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Final
from uuid import UUID

from sandbox.demo.account import Account, BatchRow, PaymentRow, clients_of, paid_out_by_client
from sandbox.demo.columns import counted, left

PAYMENTS_SHOWN_MAX: Final = 40


@dataclass(frozen=True)
class Moment:
    """Something that happened."""

    at: datetime
    who: str
    what: str


def account_lines(account: Account, started_at: datetime, *, with_details: bool) -> Iterator[str]:
    """The whole account, a line at a time; a long list of payments only *with_details*."""
    names = {batch.id: number for number, batch in enumerate(account.batches, start=1)}
    if with_details or len(account.payments) <= PAYMENTS_SHOWN_MAX:
        yield from _payments(account, names)
    else:
        yield f"Payments: {len(account.payments)}; `--details` lists them"
    for batch in account.batches:
        yield ""
        yield from _batch(account, batch, names[batch.id])
    yield ""
    yield from _clients(account)
    yield ""
    yield "What happened when (seconds since the start)"
    for moment in _merged(_moments(account, names)):
        passed_s = (moment.at - started_at).total_seconds()
        yield f"  {passed_s:>7.3f}  {moment.who:<16}{moment.what}"


def _clients(account: Account) -> Iterator[str]:
    yield "What each client is owed, and what GCBatchProcessor has paid out"
    paid_out = paid_out_by_client(account)
    for client_id, owed_usdt in sorted(clients_of(account).items()):
        paid = f"{paid_out[client_id]:.8f} USDT" if client_id in paid_out else "below the client's threshold"
        yield f"  {left(client_id, 16)}{owed_usdt:>18.8f} USDT   {paid}"


def _payments(account: Account, names: dict[UUID, int]) -> Iterator[str]:
    yield "Payments"
    head = ("id", "client", "user", "paid $", "counts $", "status", "batch", "share USDT", "percent")
    yield _row(head)
    totals = {batch.id: batch.total_usd for batch in account.batches}
    for payment in account.payments:
        yield _row(_payment_cells(payment, names, totals))


def _payment_cells(payment: PaymentRow, names: dict[UUID, int], totals: dict[UUID, Decimal]) -> tuple[str, ...]:
    batch = percent = share = "-"
    if payment.batch is not None:
        batch = f"#{names[payment.batch]}"
        percent = f"{payment.amount_usd / totals[payment.batch] * 100:.4f}"
    if payment.share_usdt is not None:
        share = f"{payment.share_usdt:.8f}"
    return (
        str(payment.id),
        payment.client_id,
        str(payment.user_id),
        f"{payment.paid_usd:.2f}",
        f"{payment.amount_usd:.8f}",
        payment.status,
        batch,
        share,
        percent,
    )


def _row(cells: Sequence[str]) -> str:
    number, client, user, paid, counts, status, batch, share, percent = cells
    who = f"{number:>5} {left(client, 14)} {user:>8}"
    return f"{who} {paid:>11} {counts:>15} {status:<9} {batch:>5} {share:>15} {percent:>8}"


def _batch(account: Account, batch: BatchRow, number: int) -> Iterator[str]:
    payments = account.payments_of(batch)
    exchange = account.exchange_of(batch)
    shares = sum((p.share_usdt or Decimal(0)) for p in payments)
    verdict = "exactly what was received" if shares == batch.received_usdt else "NOT WHAT WAS RECEIVED"
    paid = sum(entry.batch_conversion_id == str(batch.id) for entry in account.ledger)
    yield f"Batch #{number}  {batch.id}  {batch.status}"
    yield f"  threshold       ${batch.threshold_usd:.2f}"
    yield f"  payments        {len(payments)}, together ${batch.total_usd:.8f}"
    yield f"  exchange        {batch.cn_api_id} ({exchange.status if exchange else 'unknown'})"
    yield f"  paid            {_amount(batch.amount_eth)} ETH, {counted(paid, 'time')}"
    yield f"  transaction     {batch.tx_hash}"
    yield f"  quoted          {_amount(batch.quoted_usdt)} USDT"
    yield f"  received        {_amount(batch.received_usdt)} USDT"
    yield f"  shares sum to   {_amount(Decimal(shares))} USDT, {verdict}"


def _amount(amount: Decimal | None) -> str:
    return "-" if amount is None else f"{amount:.8f}"


def _moments(account: Account, names: dict[UUID, int]) -> list[Moment]:
    moments = [_payment_moment(payment) for payment in account.payments]
    for function, line in account.log_lines:
        at = datetime.fromisoformat(str(line["time"]))
        moments.append(Moment(at, function, _log_text(line, names)))
    for entry in account.ledger:
        moments.append(Moment(entry.paid_at, "GCHostPay1", f"pays {entry.amount_eth:f} ETH to {entry.payin_address}"))
        if entry.called_back_at is not None:
            moments.append(Moment(entry.called_back_at, "GCHostPay1", f"calls back: {entry.usdt_received} USDT"))
    for exchange in account.exchanges:
        moments += [
            Moment(at, "ChangeNow", f"exchange {exchange.id} is {status}")
            for status, at in exchange.history
            if status != "new"
        ]
    for batch in account.batches:
        if batch.completed_at is not None:
            text = f"batch #{names[batch.id]} and its payments are completed"
            moments.append(Moment(batch.completed_at, "PostgreSQL", text))
    return sorted(moments, key=lambda moment: moment.at)


def _payment_moment(payment: PaymentRow) -> Moment:
    text = f"payment {payment.id}: ${payment.paid_usd:.2f}, counts ${payment.amount_usd:.8f}"
    return Moment(payment.created_at, "GCAccumulator", text)


def _log_text(line: dict[str, object], names: dict[UUID, int]) -> str:
    text = str(line.get("message", ""))
    batch = line.get("batch_conversion_id")
    number = next((n for name, n in names.items() if str(name) == batch), None)
    severity = line.get("severity")
    marked = text if severity in ("INFO", "DEBUG", None) else f"{severity}: {text}"
    return marked if number is None else f"{marked} (batch #{number})"


def _merged(moments: list[Moment]) -> Iterator[Moment]:
    """Long runs of payments become one line each."""
    for who, group in groupby(moments, key=lambda moment: moment.who):
        run = list(group)
        if who == "GCAccumulator" and len(run) > 5:
            yield Moment(run[0].at, who, f"{len(run)} payments come in, until the next line")
        else:
            yield from run
