"""Batches compared a page at a time: bounded memory, bounded calls at once, each page on record before the next.

ChangeNow is asked at a bounded pace, which is what takes the time: about the next page while this one is compared.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ops.outside.ethereum import Transfer
from ops.situation.reconciliation.accounts import Accounts, OnChain, OurBatch, Sighting
from ops.situation.reconciliation.comparison import PAYOUT, compare, find_transfer, is_waiting
from ops.situation.reconciliation.findings import DIFFERS, MATCHED, OPEN, Finding, Found, Word, read_settled
from ops.situation.reconciliation.second_deposits import around, find_block, find_payments, group_by_receiver
from ops.situation.reconciliation.sources import Sources
from shared.errors import Unavailable
from shared.outside.database import Database, Transaction

PAGE_BATCHES: Final = 100
QUESTIONS_AT_ONCE: Final = 8  # so that peers who take a third of a second each keep up with the pace
SEARCHES_AT_ONCE: Final = 4  # with them as many connections as are kept


@dataclass(frozen=True)
class Selection:
    """Which batches are compared; with neither a batch nor a time, those that have not matched for good."""

    batch_conversion_id: uuid.UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_every(self) -> bool:
        """Whether those that matched before are compared once more."""
        return not (self.batch_conversion_id is None and self.since is None and self.until is None)


@dataclass(frozen=True)
class Compared:
    """One batch with its accounts; *accounts* is None where ChangeNow did not answer."""

    ours: OurBatch
    accounts: Accounts | None
    note: str = ""

    @property
    def is_chain_asked(self) -> bool:
        """Whether all three were compared, as far as there is anything on the chain."""
        return self.accounts is not None and self.accounts.chain is not None


@dataclass(frozen=True)
class Page:
    """What came of a page, and what could not be looked for."""

    found: Sequence[Found]
    compared: Sequence[Compared]
    note: str = ""


@dataclass(frozen=True)
class _Asked:
    """A page of batches about which the others are being asked."""

    batches: Sequence[OurBatch]
    answers: Iterator[Compared]
    finalized: int | None
    note: str


class Comparison:
    """One run over the batches of a selection."""

    def __init__(self, database: Database, sources: Sources, now: datetime) -> None:
        self._database = database
        self._sources = sources
        self._now = now

    def pages(self, selection: Selection) -> Iterator[Page]:
        """Compare page after page."""
        with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as questions, ThreadPoolExecutor(SEARCHES_AT_ONCE) as searches:
            asked = self._ask_about(self._read(selection, 0), questions)
            while asked.batches:
                following = self._ask_about(self._read(selection, asked.batches[-1].number), questions)
                yield self._compare(asked, searches)
                asked = following

    def _read(self, selection: Selection, after: int) -> list[OurBatch]:
        rows = self._database.rows(
            "list_batches_to_reconcile",
            after=after,
            batch_conversion_id=selection.batch_conversion_id,
            since=selection.since,
            until=selection.until,
            is_every=selection.is_every,
            is_chain_asked=self._sources.node is not None,
            batches_max=PAGE_BATCHES,
        )
        return [OurBatch(**row) for row in rows]

    def _ask_about(self, batches: Sequence[OurBatch], executor: Executor) -> _Asked:
        finalized, note = self._finalized() if batches else (None, "")
        return _Asked(batches, executor.map(lambda ours: self._ask(ours, finalized), batches), finalized, note)

    def _compare(self, asked: _Asked, executor: Executor) -> Page:
        compared, note = list(asked.answers), asked.note
        if asked.finalized is not None:
            compared, note = self._with_second_deposits(compared, executor, asked.finalized)
        with self._database.transaction() as transaction:
            found = list(self._conclude(transaction, compared))
        return Page(found, compared, note)

    def _finalized(self) -> tuple[int | None, str]:
        if self._sources.node is None:
            return None, ""
        try:
            return self._sources.finalized_block(), ""
        except Unavailable as error:
            return None, str(error)

    def _ask(self, ours: OurBatch, finalized: int | None) -> Compared:
        if ours.is_in_flight or ours.cn_api_id is None:
            return Compared(ours, Accounts(ours, None, OnChain() if finalized is not None else None))
        try:
            state = self._sources.ask_changenow(ours.cn_api_id)
        except Unavailable as error:
            return Compared(ours, None, str(error))
        if finalized is None:
            note = "" if self._sources.node is None else "the chain was not asked"
            return Compared(ours, Accounts(ours, state, None), note)
        try:
            return Compared(ours, Accounts(ours, state, self._sources.look(ours, state, finalized)))
        except Unavailable as error:
            return Compared(ours, Accounts(ours, state, None), str(error))

    def _with_second_deposits(
        self, compared: list[Compared], executor: Executor, finalized: int
    ) -> tuple[list[Compared], str]:
        """Add what else left the host wallet for the same payin addresses."""
        try:
            blocks = executor.map(lambda one: self._block_of_deposit(one, finalized), compared)
            stretches = [around(block, finalized) for block in blocks if block is not None]
            payments = group_by_receiver(find_payments(self._sources, executor, stretches))
        except Unavailable as error:
            return compared, f"second deposits were not looked for: {error}"
        return [_with_others(one, payments) for one in compared], ""

    def _block_of_deposit(self, one: Compared, finalized: int) -> int | None:
        """Where a deposit was made, or would have been made for an order of which no deposit is known."""
        chain = one.accounts.chain if one.accounts else None
        if chain is None or one.ours.is_in_flight:
            return None
        if chain.deposit is not None or one.ours.ordered_at is None:
            return chain.deposit.block if chain.deposit else None
        return find_block(self._sources, one.ours.ordered_at, finalized)

    def _conclude(self, transaction: Transaction, compared: Sequence[Compared]) -> Iterator[Found]:
        """Take away what people have dealt with, and put the rest on record."""
        ids = [one.ours.batch_conversion_id for one in compared]
        settled = _read_settled(transaction, ids)
        transfers = [_transfer(one, self._sources) for one in compared]
        claimed = _read_claimed(transaction, compared)
        for one, transfer in zip(compared, transfers, strict=True):
            name = one.ours.batch_conversion_id
            if one.accounts is None:
                yield Found(one.ours.number, name, OPEN, note=one.note)
                continue
            findings = compare(one.accounts, self._sources.wallet, self._now)
            key = _payout_key(one, transfer)
            if key is not None and (owner := claimed.setdefault(key, name)) != name:
                findings.append(_claimed_twice(transfer, owner))
                transfer = None  # noqa: PLW2901 - it belongs to the other batch
            left = [each for each in findings if not any(map(each.is_dealt_with_by, settled.get(name, ())))]
            waits = is_waiting(one.accounts, self._now)
            verdict = DIFFERS if left else OPEN if waits else MATCHED
            _record(transaction, one, transfer, verdict=verdict, now=self._now)
            yield Found(one.ours.number, name, verdict, tuple(left), len(findings) - len(left), one.note)


def _with_others(one: Compared, payments: Mapping[str, list[Any]]) -> Compared:
    if one.accounts is None or one.accounts.chain is None or one.ours.payin_address is None:
        return one
    chain = one.accounts.chain
    known = chain.deposit.tx_hash if chain.deposit else None
    others = [each for each in payments.get(one.ours.payin_address.lower(), ()) if each.tx_hash != known]
    return replace(one, accounts=replace(one.accounts, chain=replace(chain, others=tuple(others))))


def _transfer(one: Compared, sources: Sources) -> Transfer | None:
    payout = one.accounts.chain.payout if one.accounts and one.accounts.chain else None
    return find_transfer(payout, sources.wallet, one.ours.booked_usdt) if payout and payout.is_final else None


def _payout_key(one: Compared, transfer: Transfer | None) -> tuple[str, int] | None:
    payout = one.accounts.chain.payout if one.accounts and one.accounts.chain else None
    return (payout.tx_hash, transfer.log_index) if payout and transfer else None


def _claimed_twice(transfer: Transfer | None, owner: uuid.UUID) -> Finding:
    amount = transfer.amount if transfer else None
    return Finding(Word.UNEXPLAINED, PAYOUT, chain=amount, detail=f"the same transfer belongs to batch {owner}")


def _read_settled(transaction: Transaction, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Mapping[str, Any]]]:
    settled: dict[uuid.UUID, list[Mapping[str, Any]]] = {}
    for row in transaction.rows("list_settled_findings", batch_conversion_ids=list(ids)):
        settled.setdefault(row["batch_conversion_id"], []).extend(read_settled(row["detail"]))
    return settled


def _read_claimed(transaction: Transaction, compared: Sequence[Compared]) -> dict[tuple[str, int], uuid.UUID]:
    payouts = [one.accounts.chain.payout for one in compared if one.accounts and one.accounts.chain]
    hashes = [payout.tx_hash for payout in payouts if payout is not None]
    rows = transaction.rows("list_claimed_payouts", payout_hashes=hashes)
    return {(row["payout_hash"], row["payout_log_index"]): row["batch_conversion_id"] for row in rows}


def _is_ours(one: Compared, deposit: Sighting) -> bool:
    """Tell whether a transaction paid this batch's exchange: what another one cost is not on record with it."""
    payin_address = one.ours.payin_address or ""
    return deposit.payment is not None and deposit.payment.receiver == payin_address.lower()


def _record(transaction: Transaction, one: Compared, transfer: Transfer | None, *, verdict: str, now: datetime) -> None:
    chain = one.accounts.chain if one.accounts and one.accounts.chain else OnChain()
    deposit = chain.deposit if chain.deposit and chain.deposit.is_final and _is_ours(one, chain.deposit) else None
    transaction.execute(
        "record_reconciliation",
        batch_conversion_id=one.ours.batch_conversion_id,
        verdict=verdict,
        is_chain_asked=one.is_chain_asked,
        now=now,
        deposit_hash=deposit.tx_hash if deposit else None,
        deposited_eth=deposit.payment.amount_eth if deposit and deposit.payment else None,
        deposit_gas_eth=deposit.receipt.gas_eth if deposit and deposit.receipt else None,
        payout_hash=chain.payout.tx_hash if chain.payout and transfer else None,
        payout_log_index=transfer.log_index if transfer else None,
        paid_out_usdt=transfer.amount if transfer else None,
    )
