"""Every payment that left the host wallet in a stretch of blocks, found by how many it had sent by which block.

No node lists an account's transactions. It tells how many the account had sent by a block, though: a stretch in which
the count does not rise is passed over whole, any other is halved, down to the block that holds the payment. What two
payments to one payin address are called is not decided here.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from datetime import datetime
from typing import Final

from ops.outside.ethereum import Payment
from ops.situation.reconciliation.sources import Sources
from shared.errors import Unavailable

BEFORE: Final = 50  # blocks of twelve seconds: ten minutes
AFTER: Final = 1800  # six hours, in which an order may come again
BLOCKS_BACK_MAX: Final = 7200 * 60
BLOCKS_READ_MAX: Final = 5000  # of one page of batches: beyond it the wallet is too busy to be read through

Stretch = tuple[int, int]  # after the first block, up to and with the second


def find_payments(sources: Sources, executor: Executor, stretches: Iterable[Stretch]) -> list[Payment]:
    """Return the payer's payments in these stretches; raises Unavailable where the node does not keep what was."""
    known: dict[int, int] = {}
    waiting = join(stretches)
    blocks: list[int] = []
    while waiting:
        wanted = {block for stretch in waiting for block in stretch} - known.keys()
        known |= dict(zip(sorted(wanted), executor.map(lambda at: _sent(sources, at), sorted(wanted)), strict=True))
        risen = [(first, last) for first, last in waiting if known[last] > known[first]]
        blocks += [last for first, last in risen if last - first == 1]
        if len(blocks) > BLOCKS_READ_MAX:
            raise Unavailable("the host wallet sends too many transactions to be read through")
        waiting = [half for stretch in risen if stretch[1] - stretch[0] > 1 for half in _halves(stretch)]
    inside = executor.map(lambda at: sources.ask_chain(lambda node: node.payments_in(at)), sorted(blocks))
    return [payment for payments in inside for payment in payments if payment.sender == sources.payer]


def around(block: int, newest: int) -> Stretch:
    """The stretch in which a further payment of the same order is to be expected."""
    return max(0, block - BEFORE), min(newest, block + AFTER)


def find_block(sources: Sources, moment: datetime, newest: int) -> int:
    """Find the last block that was made before an instant, at most two months back."""
    first, last = max(0, newest - BLOCKS_BACK_MAX), newest
    while last - first > 1:
        middle = (first + last) // 2
        is_before = _made_at(sources, middle) < moment
        first, last = (middle, last) if is_before else (first, middle)
    return first


def join(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Put stretches that meet or overlap into one."""
    joined: list[Stretch] = []
    for first, last in sorted(stretches):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        elif last > first:
            joined.append((first, last))
    return joined


def group_by_receiver(payments: Iterable[Payment]) -> Mapping[str, list[Payment]]:
    """Put payments to one address together."""
    grouped: dict[str, list[Payment]] = {}
    for payment in payments:
        grouped.setdefault(payment.receiver, []).append(payment)
    return grouped


def _made_at(sources: Sources, block: int) -> datetime:
    return sources.ask_chain(lambda node: node.time_of(block))


def _sent(sources: Sources, block: int) -> int:
    return sources.ask_chain(lambda node: node.sent_by(sources.payer, block))


def _halves(stretch: Stretch) -> tuple[Stretch, Stretch]:
    first, last = stretch
    middle = (first + last) // 2
    return (first, middle), (middle, last)
