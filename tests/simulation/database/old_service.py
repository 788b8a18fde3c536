"""The old service's exchanges, as ChangeNow knows them when ours moves in, and what still becomes of them."""

from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final

from sandbox.changenow.exchange import Exchange
from sandbox.changenow.market import ETH_TO_USDT
from sandbox.peers.gchostpay1_tokens import Execution
from tests.simulation.world.letters import Letter
from tests.simulation.world.peer_records import Callback
from tests.simulation.world.servers import EPOCH

if TYPE_CHECKING:
    from tests.simulation.engine.running_action import RunningAction
    from tests.simulation.world.world import World

MINUTE: Final = 60
CALLED_BACK_AFTER_S: Final = 12 * MINUTE
# by number of the batch: the payments' dollars, how the exchange stands, and what it paid out by then
EXCHANGES: Final = {
    1: ("24.25", "finished", Decimal("24.1")),
    2: ("24.25", "sending", None),
    3: ("19.40", "refunded", None),
    4: ("9.70", "finished", Decimal("9.61")),
    6: ("50.00", "finished", Decimal("49.5")),
}
GOES_ON: Final = 2
PAID_OUT_USDT: Final = Decimal("24.03")


def batch_id(number: int) -> str:
    """The id of one of the old service's batches."""
    return f"{number:02}" * 4 + "-" + "-".join([f"{number:02}" * 2] * 3) + "-" + f"{number:02}" * 6


def move_in(world: "World") -> None:
    """Let ChangeNow know the old exchanges; one goes on and is reported, one was reported before."""
    office = world.servers.exchange
    for number in EXCHANGES:
        office._exchanges[f"old-{number}"] = _exchange(world, number)
    world.plan(CALLED_BACK_AFTER_S, partial(_finish, world))
    world.records.callbacks.append(_callback(world, 1, "0xold1", Decimal("24.1")))


def _exchange(world: "World", number: int) -> Exchange:
    usd, status, paid_out_usdt = EXCHANGES[number]
    amount_eth = (Decimal(usd) / world.history.conditions.price).quantize(Decimal("1e-8"))
    begun_at = EPOCH - timedelta(hours=1)
    return Exchange(
        id=f"old-{number}",
        pair=ETH_TO_USDT,
        expected_amount_from=amount_eth,
        expected_amount_to=Decimal(usd),
        payin_address=f"0x{f'{number:02}' * 20}",
        payout_address="0xhost",
        refund_address="0xhost",
        created_at=begun_at,
        history=[("waiting", begun_at), ("confirming", begun_at), (status, begun_at)],
        amount_from=amount_eth,
        amount_to=paid_out_usdt,
    )


def _finish(world: "World", running: "RunningAction") -> None:
    world.servers.exchange.finish(f"old-{GOES_ON}", PAID_OUT_USDT)
    world.peers.call_back(0, _callback(world, GOES_ON, "0xold2", PAID_OUT_USDT))


def _callback(world: "World", number: int, tx_hash: str, amount_usdt: Decimal) -> Callback:
    letter = Letter(Execution(batch_id(number), f"old-{number}", tx_hash, amount_usdt), world.now)
    return Callback(batch_id(number), letter.seal(), letter, is_true=True)
