"""GCHostPay1 goes wrong: away, silent, paying twice or too little, or not let in by the platform."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from sandbox.drills.drill import Drill, End, nothing_to_end
from sandbox.peers.gchostpay1 import CHANGED
from sandbox.wire.http_server import Answer, Request, Responder
from sandbox.world.addresses import RESPONSE_QUEUE, queue_path
from sandbox.world.world import World

WRONG_KEY: Final = "a-key-that-the-functions-do-not-have"
HALF: Final = Decimal("0.5")


def _behaviour(**changes: Any) -> Callable[[World], End]:
    def begin(world: World) -> End:
        before = world.gchostpay1.behaviour
        world.gchostpay1.behaviour = replace(before, **changes)

        def end() -> None:
            world.gchostpay1.behaviour = before

        return end

    return begin


def _away(world: World) -> End:
    world.gchostpay1.stop()
    return world.gchostpay1.start


def _repeat_order(world: World) -> End:
    """Deliver the newest order a second time, as Cloud Tasks may: at least once is what it promises."""
    orders = [request for request in world.gchostpay1.requests if request.method == "POST"]
    if not orders:
        raise ValueError("there is no order yet: let a check open a batch first")
    world.gchostpay1.serve(orders[-1])
    return nothing_to_end


def _sign_wrongly(world: World) -> End:
    """Let the two services hold different versions of the key: orders are opened, callbacks are not believed.

    At its end the callbacks that still wait are deleted: one signed with the other key would be refused for a day.
    """
    keys = world.gchostpay1.signing_keys
    world.gchostpay1.signing_keys = [WRONG_KEY, *keys]

    def end() -> None:
        world.gchostpay1.signing_keys = keys
        world.cloud_tasks.delete_tasks(queue_path(RESPONSE_QUEUE))

    return end


def _without_identity(world: World) -> End:
    """Let the platform stand before swap_executed and admit nobody without a token: the deployed service has none."""
    before = world.gchostpay1.endpoints
    platform = Responder(_forbidden)
    platform.start()
    world.gchostpay1.endpoints = replace(before, microbatch_url=platform.url)

    def end() -> None:
        world.gchostpay1.endpoints = before
        platform.stop()

    return end


def _forbidden(_: Request) -> Answer:
    return Answer(403, "Your client does not have permission to get this URL from this server.")


DRILLS: Final = (
    Drill("gchostpay1-away", "orders are not taken", _away),
    Drill("gchostpay1-silent", "it pays and never calls back", _behaviour(silent=True)),
    Drill("gchostpay1-calling-twice", "it calls back twice", _behaviour(twice=True)),
    Drill("gchostpay1-not-paying", "it takes orders, and the wallet does not pay", _behaviour(pay_fails=True)),
    Drill("gchostpay1-paying-twice", "it sends the ETH twice", _behaviour(pays_times=2)),
    Drill("gchostpay1-paying-half", "it sends half of the ETH", _behaviour(pays_share=HALF)),
    Drill("gchostpay1-order-twice", "the newest order is delivered once more", _repeat_order),
    Drill("gchostpay1-wrong-key", "its callbacks are signed with another key", _sign_wrongly),
    Drill("gchostpay1-without-identity", "the platform turns its callbacks away", _without_identity),
    Drill("gchostpay1-changed", "it is as docs/reference/peers.md asks for it", _behaviour(**vars(CHANGED))),
)
