"""ChangeNow and GCHostPay1 on the chain: a swap's two transactions are real, and each fault of a payout is there."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from sandbox.chain.accounts import HOST, OTHER_TOKEN, STRANGER, USDT
from sandbox.chain.node import ChainNode
from sandbox.chain.treasury import PayoutFault, Treasury
from sandbox.chain.wallet import Wallet
from sandbox.changenow.exchange import Exchange, Schedule
from sandbox.changenow.market import ETH_TO_USDT
from sandbox.changenow.server import ChangeNow

WALLET = "0x" + "a0" * 20
DEPOSIT_ETH = Decimal("0.016")


@pytest.fixture
def changenow(node: ChainNode) -> Iterator[ChangeNow]:
    """ChangeNow with its coins on the chain."""
    with ChangeNow(schedule=Schedule(confirming_s=0, exchanging_s=0, sending_s=0)) as running:
        running.coins = Treasury(node.ledger)
        yield running


def swap(node: ChainNode, changenow: ChangeNow, *, times: int = 1) -> Exchange:
    """An exchange that the host wallet has paid, as ChangeNow tells of it now."""
    exchange = changenow.open_exchange(ETH_TO_USDT, DEPOSIT_ETH, WALLET, HOST.address)
    changenow.exchange(exchange.id)
    for _ in range(times):
        Wallet(node.url, HOST.address).send_eth(exchange.payin_address, DEPOSIT_ETH)
    return changenow.exchange(exchange.id)


def transfers(node: ChainNode, tx_hash: str | None) -> list[tuple[str, str, Decimal]]:
    """What a transaction moved: of which token, to whom, how much."""
    assert tx_hash is not None
    mined = node.ledger.mined(bytes.fromhex(tx_hash[2:]))
    logs = mined.receipt.logs if mined else ()
    return [
        ("0x" + log.address.hex(), f"0x{log.topics[2]:040x}", Decimal(int.from_bytes(log.data, "big")) / 10**6)
        for log in logs
    ]


def test_a_swap_is_two_transactions(node: ChainNode, changenow: ChangeNow) -> None:
    """ChangeNow sees the deposit by itself, and its payout is a transfer of what it says."""
    done = swap(node, changenow)
    assert done.status == "finished"
    assert done.amount_from == DEPOSIT_ETH
    assert done.seen_deposit is not None
    assert node.ledger.mined(bytes.fromhex(done.seen_deposit.tx_hash[2:])) is not None
    assert transfers(node, done.payout_hash) == [(USDT, WALLET, done.amount_to)]


def test_a_second_deposit_is_seen_and_does_nothing(node: ChainNode, changenow: ChangeNow) -> None:
    """Both are in blocks; the first set the exchange off."""
    done = swap(node, changenow, times=2)
    assert [deposit.amount_eth for deposit in done.deposits] == [DEPOSIT_ETH] * 2
    assert done.amount_from == DEPOSIT_ETH


@pytest.mark.parametrize(
    ("fault", "token", "receiver", "short_by"),
    [
        (PayoutFault.ELSEWHERE, USDT, STRANGER, Decimal(0)),
        (PayoutFault.OTHER_TOKEN, OTHER_TOKEN, WALLET, Decimal(0)),
        (PayoutFault.OTHER_AMOUNT, USDT, WALLET, Decimal("0.01")),
    ],
)
def test_a_payout_that_is_not_what_is_told(
    node: ChainNode, changenow: ChangeNow, fault: PayoutFault, *, token: str, receiver: str, short_by: Decimal
) -> None:
    """ChangeNow's word is as ever; the chain has something else. The next payout is good again."""
    assert isinstance(changenow.coins, Treasury)
    changenow.coins.next_fault = fault
    bad, good = swap(node, changenow), swap(node, changenow)
    assert bad.amount_to is not None
    assert bad.amount_to == good.amount_to
    assert transfers(node, bad.payout_hash) == [(token, receiver, bad.amount_to - short_by)]
    assert transfers(node, good.payout_hash) == [(USDT, WALLET, good.amount_to)]


def test_a_payout_that_never_was(node: ChainNode, changenow: ChangeNow) -> None:
    """A hash of nothing, and a transaction that failed."""
    assert isinstance(changenow.coins, Treasury)
    changenow.coins.next_fault = PayoutFault.MISSING
    missing = swap(node, changenow)
    assert missing.payout_hash is not None
    assert node.ledger.mined(bytes.fromhex(missing.payout_hash[2:])) is None
    changenow.coins.next_fault = PayoutFault.REVERTED
    assert transfers(node, swap(node, changenow).payout_hash) == []


def test_a_refund_goes_back(node: ChainNode, changenow: ChangeNow) -> None:
    """The ETH less the network's fee reaches the refund address."""
    changenow.schedule = Schedule.by_hand()
    paid = swap(node, changenow)
    before = node.ledger.balance_wei(HOST.address, node.ledger.newest)
    changenow.refund(paid.id)
    back = changenow.exchange(paid.id).refund_amount
    assert back is not None
    assert node.ledger.balance_wei(HOST.address, node.ledger.newest) - before == int(back.scaleb(18))


def test_an_amount_is_told_otherwise_later(node: ChainNode, changenow: ChangeNow) -> None:
    """A record that changes after the fact."""
    done = swap(node, changenow)
    changenow.restate(done.id, Decimal("99.5"))
    assert changenow.exchange(done.id).amount_to == Decimal("99.5")
    with pytest.raises(ValueError, match="paid out"):
        changenow.restate(done.id)
