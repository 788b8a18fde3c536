"""ChangeNow goes wrong: away, slow, refusing, or doing with a deposit what nobody wants."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from sandbox.changenow.exchange import END
from sandbox.drills.drill import Drill, End, nothing_to_end
from sandbox.wire.faults import ANY, Action, delay, status
from sandbox.world.world import World

SLOW_S: Final = 5.0
PAID_LATE_AFTER_S: Final = 30.0
REFUSAL: Final = '{"error": "unauthorized", "message": "the API key is unknown"}'
UNAVAILABLE: Final = '{"error": "not_available", "message": "refused by the drill"}'
VERIFYING: Final = "verifying"


def _is_its_own(request: Any) -> bool:
    """Whether a call is one of ChangeNow's, not one of the sandbox's controls."""
    return not request.path.startswith("/_")


def _fault(action: Action) -> Callable[[World], End]:
    def begin(world: World) -> End:
        world.changenow.faults.add(ANY, action, times=None, where=_is_its_own)
        return world.changenow.faults.clear

    return begin


def _away(world: World) -> End:
    world.changenow.stop()
    return world.changenow.start


def _schedule(**changes: Any) -> Callable[[World], End]:
    """Let exchanges go otherwise from now on; those held for verification are let go at the end."""

    def begin(world: World) -> End:
        before = world.changenow.schedule
        world.changenow.schedule = replace(before, **changes)

        def end() -> None:
            world.changenow.schedule = before
            for exchange in world.changenow.exchanges:
                if exchange.status == VERIFYING:
                    world.changenow.advance(exchange.id)

        return end

    return begin


def _set(attribute: str) -> Callable[[World], End]:
    """Let ChangeNow do what one of its attributes says, until the end."""

    def begin(world: World) -> End:
        setattr(world.changenow, attribute, True)
        return lambda: setattr(world.changenow, attribute, False)

    return begin


def _restate_newest(world: World) -> End:
    """Say of the newest exchange which is over that it paid a dollar more; the end takes that back."""
    finished = [exchange for exchange in world.changenow.exchanges if exchange.status == END]
    if not finished:
        raise ValueError("no exchange is finished yet: let a batch be completed first")
    newest, said = finished[-1].id, finished[-1].amount_to
    assert said is not None
    world.changenow.restate(newest, said + 1)
    return lambda: world.changenow.restate(newest, said)


def _forget_newest(world: World) -> End:
    """Refuse to tell of the newest exchange, for ever, and of no other one."""
    exchanges = world.changenow.exchanges
    if not exchanges:
        raise ValueError("there is no exchange yet: let a check open a batch first")
    newest = exchanges[-1].id
    refuse = status(403, body=UNAVAILABLE)
    by_id = "GET /exchange/by-id"
    world.changenow.faults.add(by_id, refuse, times=None, where=lambda request: _asks_for(request, newest))
    return world.changenow.faults.clear


def _asks_for(request: Any, exchange_id: str) -> bool:
    return bool(request.query.get("id") == exchange_id)


def _revive_newest(world: World) -> End:
    """Pay out the newest exchange that failed or expired, as ChangeNow's support does."""
    ended = [exchange for exchange in world.changenow.exchanges if exchange.status in ("failed", "expired")]
    if not ended:
        raise ValueError("no exchange has failed or expired yet")
    world.changenow.revive(ended[-1].id)
    return nothing_to_end


DRILLS: Final = (
    Drill("changenow-away", "nobody answers at ChangeNow", _away),
    Drill("changenow-slow", f"each of its answers takes {SLOW_S:g} s", _fault(delay(SLOW_S))),
    Drill("changenow-refusing", "our key is refused", _fault(status(401, body=REFUSAL))),
    Drill("changenow-new", "exchanges stay `new`, which GCHostPay1 would refuse", _schedule(new_s=None)),
    Drill("changenow-refunding", "deposits are sent back, less the network's fee", _schedule(ends_as="refunded")),
    Drill("changenow-failing", "exchanges fail after the deposit", _schedule(ends_as="failed")),
    Drill("changenow-verifying", "deposits are held for verification", _schedule(ends_as=VERIFYING)),
    Drill(
        "changenow-paying-late",
        f"exchanges fail after the deposit, and are paid out {PAID_LATE_AFTER_S:g} s later",
        _schedule(ends_as="failed", paid_late_after_s=PAID_LATE_AFTER_S),
    ),
    Drill("changenow-hanging", "deposits are exchanged for ever", _schedule(exchanging_s=None, ends_as=END)),
    Drill(
        "changenow-losing-deposits", "ETH leaves the wallet, and ChangeNow sees nothing of it", _set("loses_deposits")
    ),
    Drill("changenow-amount-missing", "it says finished, and not what it paid out", _set("hides_amounts")),
    Drill("changenow-restating", "it says of the newest exchange that it paid a dollar more", _restate_newest),
    Drill("changenow-forgetting", "the newest exchange is refused to be told of", _forget_newest),
    Drill("changenow-reviving", "the newest exchange that failed or expired is paid out after all", _revive_newest),
)
