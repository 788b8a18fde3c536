"""The rules: when three accounts of a batch agree, and what it is called when they do not. No I/O.

USDT has six decimals on the chain, ours eight, ChangeNow's as many as it writes: its word and the transfer mean the
same payout where less than one unit of the token lies between them; ours and its word where the settlement would have
taken them for the same. ETH is compared in our eight decimals.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from ops.outside.ethereum import Transfer
from ops.situation.reconciliation.accounts import Accounts, OnChain, OurBatch, Sighting, same_hash
from ops.situation.reconciliation.findings import Finding, Word
from shared.flow.batch.settlement import AMOUNT_TOLERANCE_USDT, agree
from shared.model.exchange import ExchangeState
from shared.model.money import UNIT, plain

PAYOUT: Final = "payout in USDT"
DEPOSIT: Final = "deposit in ETH"
EXCHANGE: Final = "exchange"
SECOND_DEPOSIT: Final = "second deposit in ETH"
UNSEEN_DEPOSIT: Final = "deposit in ETH that ChangeNow does not know"
WAITS_AT_MOST: Final = timedelta(days=1)  # a transaction that is in no final block after this is missing


@dataclass(frozen=True)
class Wallet:
    """Where payouts have to arrive, in which token; addresses in lower case."""

    address: str
    token: str


def compare(accounts: Accounts, wallet: Wallet, now: datetime) -> list[Finding]:
    """Find everything in which the three differ, and what is on record for a person to deal with."""
    ours, state = accounts.ours, accounts.changenow
    if ours.is_in_flight:
        return list(_refused(ours))
    if ours.cn_api_id is None:
        return [_missing("the batch is completed and has no exchange")] if ours.is_completed else []
    if state is None:
        is_expected = ours.is_completed or ours.is_perhaps_ordered
        return [_missing(f"ChangeNow knows no exchange {ours.cn_api_id}")] if is_expected else []
    if state.is_finished:
        return [*_late(ours, state), *_swap(accounts, state, wallet, now)]
    if ours.is_completed or ours.late_usdt is not None:
        said = f"ChangeNow says {state.status} of a payout that is on record"
        return [Finding(Word.UNEXPLAINED, PAYOUT, ours=ours.booked_usdt, detail=said)]
    return [*_lost(accounts, state), *_second_deposits(accounts)]


def is_waiting(accounts: Accounts, now: datetime) -> bool:
    """Tell whether the batch has not come to its end: in flight, or its transactions in no final block yet."""
    chain = accounts.chain or OnChain()
    sightings = [each for each in (chain.deposit, chain.payout) if each is not None]
    return accounts.ours.is_in_flight or any(_may_still_come(each, accounts.ours, now) for each in sightings)


def find_transfer(sighting: Sighting | None, wallet: Wallet, expected: Decimal | None) -> Transfer | None:
    """Pick the transfer to our wallet that is nearest to the amount expected: one transaction may pay several."""
    receipt = sighting.receipt if sighting else None
    ours = [
        transfer
        for transfer in (receipt.transfers if receipt and receipt.succeeded else ())
        if transfer.token == wallet.token and transfer.receiver == wallet.address
    ]
    return min(ours, key=lambda transfer: abs(transfer.amount - (expected or 0)), default=None)


def _swap(accounts: Accounts, state: ExchangeState, wallet: Wallet, now: datetime) -> Iterator[Finding]:
    """Both ends of a swap that ChangeNow calls finished."""
    ours, chain = accounts.ours, accounts.chain
    if state.payout_address and state.payout_address.lower() != wallet.address:
        yield Finding(Word.UNEXPLAINED, PAYOUT, detail=f"ChangeNow paid to {state.payout_address.lower()}")
    elif chain is not None:
        yield from _payout_on_chain(chain.payout, ours, wallet, now)
    transfer = find_transfer(chain.payout, wallet, ours.booked_usdt) if chain else None
    yield from _payout_amounts(ours.booked_usdt, state.received_usdt, transfer.amount if transfer else None)
    yield from _deposit_hashes(ours, state)
    if chain is not None:
        yield from _deposit_on_chain(chain.deposit, ours, now)
    payment = chain.deposit.payment if chain and chain.deposit and chain.deposit.is_final else None
    yield from _deposit_amounts(ours.deposit_eth, state.deposit_eth, payment.amount_eth if payment else None)
    yield from _second_deposits(accounts)


def _payout_amounts(ours: Decimal | None, changenow: Decimal | None, chain: Decimal | None) -> Iterator[Finding]:
    is_ours_told = ours is not None and changenow is not None and agree(ours, changenow)
    said = changenow if changenow is not None else ours
    is_told_paid = chain is None or (said is not None and abs(said - chain) < AMOUNT_TOLERANCE_USDT)
    if ours is None:
        yield Finding(Word.UNEXPLAINED, PAYOUT, changenow=changenow, chain=chain, detail="not on record with us")
    elif not (is_ours_told and is_told_paid):
        yield Finding(Word.AMOUNT_DIFFERS, PAYOUT, ours, changenow, chain)


def _deposit_amounts(ours: Decimal | None, changenow: Decimal | None, chain: Decimal | None) -> Iterator[Finding]:
    told = [amount for amount in (ours, changenow, chain) if amount is not None]
    if told and max(told) - min(told) >= UNIT:
        yield Finding(Word.AMOUNT_DIFFERS, DEPOSIT, ours, changenow, chain)


def _payout_on_chain(sighting: Sighting | None, ours: OurBatch, wallet: Wallet, now: datetime) -> Iterator[Finding]:
    """The payout's transaction: there, carried out, in USDT, to us; its amount is compared elsewhere."""
    if absent := _absence(sighting, ours, now):
        yield Finding(Word.MISSING_ON_CHAIN, PAYOUT, ours=ours.booked_usdt, detail=absent)
        return
    receipt = sighting.receipt if sighting else None
    if receipt is None or find_transfer(sighting, wallet, None) is not None:
        return
    elsewhere = [transfer for transfer in receipt.transfers if transfer.token == wallet.token]
    other_tokens = [transfer for transfer in receipt.transfers if transfer.receiver == wallet.address]
    if other_tokens:
        paid = other_tokens[0]
        said = f"{plain(paid.amount)} of another token, {paid.token}, in {receipt.tx_hash}"
        yield Finding(Word.UNEXPLAINED, PAYOUT, ours=ours.booked_usdt, detail=said)
    elif elsewhere:
        said = f"{plain(elsewhere[0].amount)} went to {elsewhere[0].receiver} in {receipt.tx_hash}"
        yield Finding(Word.UNEXPLAINED, PAYOUT, ours=ours.booked_usdt, detail=said)
    else:
        said = f"{receipt.tx_hash} moved no token"
        yield Finding(Word.MISSING_ON_CHAIN, PAYOUT, ours=ours.booked_usdt, detail=said)


def _deposit_on_chain(sighting: Sighting | None, ours: OurBatch, now: datetime) -> Iterator[Finding]:
    if absent := _absence(sighting, ours, now):
        yield Finding(Word.MISSING_ON_CHAIN, DEPOSIT, ours=ours.deposit_eth, detail=absent)
        return
    payment = sighting.payment if sighting else None
    if payment is not None and ours.payin_address and payment.receiver != ours.payin_address.lower():
        said = f"{payment.tx_hash} paid {payment.receiver}, not {ours.payin_address.lower()}"
        yield Finding(Word.UNEXPLAINED, DEPOSIT, ours=ours.deposit_eth, detail=said)


def _absence(sighting: Sighting | None, ours: OurBatch, now: datetime) -> str:
    """Say why a transaction is not there, or nothing."""
    if sighting is None:
        return "no transaction is named"
    if sighting.receipt is not None and sighting.is_final:
        return "" if sighting.receipt.succeeded else f"{sighting.tx_hash} failed"
    if _may_still_come(sighting, ours, now):
        return ""
    return f"no transaction {sighting.tx_hash} in a block that is final"


def _may_still_come(sighting: Sighting, ours: OurBatch, now: datetime) -> bool:
    return sighting.is_waiting and now - ours.settled_at < WAITS_AT_MOST


def _deposit_hashes(ours: OurBatch, state: ExchangeState) -> Iterator[Finding]:
    """GCHostPay1's own word against ChangeNow's: two hashes are two payments, or a report of another one."""
    reported, told = same_hash(ours.tx_hash), same_hash(state.payin_hash)
    if reported and told and reported != told:
        said = f"GCHostPay1 reports {reported}, ChangeNow {told}"
        yield Finding(Word.UNEXPLAINED, DEPOSIT, ours=ours.deposit_eth, detail=said)


def _second_deposits(accounts: Accounts) -> Iterator[Finding]:
    chain = accounts.chain or OnChain()
    what = UNSEEN_DEPOSIT if chain.deposit is None else SECOND_DEPOSIT
    for payment in chain.others:
        yield Finding(Word.UNEXPLAINED, what, chain=payment.amount_eth, detail=payment.tx_hash)


def _late(ours: OurBatch, state: ExchangeState) -> Iterator[Finding]:
    """USDT that came for a batch given up: once it is on record it has its explanation."""
    if ours.status == "failed" and ours.late_usdt is not None:
        yield Finding(Word.LATE_PAYOUT, PAYOUT, ours.late_usdt, state.received_usdt)


def _lost(accounts: Accounts, state: ExchangeState) -> Iterator[Finding]:
    """A deposit that brought nothing: on record it has its explanation, which is not yet its end."""
    ours = accounts.ours
    if not (state.has_deposit or ours.is_deposit_lost):
        return
    payment = accounts.chain.deposit.payment if accounts.chain and accounts.chain.deposit else None
    amounts = (ours.deposit_eth, state.deposit_eth, payment.amount_eth if payment else None)
    if ours.is_deposit_lost:
        yield Finding(Word.LOST_DEPOSIT, DEPOSIT, *amounts, detail=_return(accounts, state))
    else:
        said = f"ChangeNow says {state.status} of a batch that was given up; not on record with us"
        yield Finding(Word.UNEXPLAINED, DEPOSIT, *amounts, detail=said)


def _return(accounts: Accounts, state: ExchangeState) -> str:
    """Say whether the ETH came back."""
    if not state.is_refunded:
        return f"ChangeNow says {state.status}"
    refund = accounts.chain.refund if accounts.chain else None
    if refund is None or refund.payment is None or not refund.is_final:
        return "ChangeNow says refunded" + ("; the refund is not on chain" if accounts.chain else "")
    return f"refunded {plain(refund.payment.amount_eth.normalize())} ETH to {refund.payment.receiver}, {refund.tx_hash}"


def _refused(ours: OurBatch) -> Iterator[Finding]:
    if ours.refused_usdt is not None:
        said = f"./microbatch accept {ours.batch_conversion_id} --amount {plain(ours.refused_usdt)}"
        yield Finding(Word.REFUSED_AMOUNT, PAYOUT, ours.refused_usdt, detail=said)


def _missing(detail: str) -> Finding:
    return Finding(Word.MISSING_AT_CHANGENOW, EXCHANGE, detail=detail)
