"""What each action does to the world."""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from sandbox.changenow.market import Market
from sandbox.peers.gchostpay1_tokens import Execution
from tests.simulation.engine.running_action import RunningAction
from tests.simulation.history.scenes import ANOTHERS_PAYOUT
from tests.simulation.history.vocabulary import (
    Accept,
    Action,
    AfterRestore,
    Check,
    CutOver,
    Forge,
    Health,
    Hold,
    KeepBackup,
    MoveMarket,
    Neighbour,
    Operate,
    Pay,
    PutBack,
    Repeat,
    Replace,
    Restart,
    SetPolicy,
    SetThreshold,
    Skew,
    Wait,
)
from tests.simulation.others import neighbours, restoring, steering
from tests.simulation.others.operators import DONE, type_verb
from tests.simulation.others.payments import insert_payments
from tests.simulation.world.letters import Letter
from tests.simulation.world.peer_records import Callback, RuleBroken

if TYPE_CHECKING:
    from tests.simulation.world.world import World


def perform(world: "World", action: Action, depth: int = 0) -> None:
    """Play one action; in another one's pause at a *depth* above 0."""
    world.journal.counts["steps"] += 1
    running = RunningAction(world, getattr(action, "faults", ()), depth)
    match action:
        case Check():
            world.check(action, running)
        case Wait(seconds):
            world.wait(seconds, running)
        case Repeat(which):
            if world.records.callbacks:
                world.call_back(world.records.callbacks[which % len(world.records.callbacks)], running)
        case Forge(kind):
            _forge(world, kind, running)
        case Health():
            world.ask_health(running)
        case _:
            _prepare(world, action)


def _prepare(world: "World", action: Action) -> None:
    """What operators, other services and the platform do."""
    match action:
        case Pay(payments):
            insert_payments(world, payments)
        case SetThreshold(payload):
            world.set_threshold(payload)
        case SetPolicy(payload):
            world.set_policy(payload)
        case MoveMarket(price, min_eth, max_eth):
            world.set_market(Market(eth_price_usd=price, min_eth=min_eth, max_eth=max_eth, slippage_pct=Decimal(0)))
        case Skew(instance, seconds):
            world.set_skew(instance, seconds)
        case Restart(hard):
            world.journal.faults["database: restarted"] += 1
            world.observer.restart(hard=hard)
        case Replace(instance):
            world.replace(instance)
        case _:
            _let_others_act(world, action)


def _let_others_act(world: "World", action: Action) -> None:
    """What people decide, and what the deployed services do to rows that are there."""
    match action:
        case Accept():
            steering.accept_all(world)
        case Operate():
            steering.operate(world, action)
        case CutOver(hours):
            _decide(world, hours)
        case Neighbour():
            neighbours.act(world, action)
        case Hold():
            neighbours.hold(world, action)
        case KeepBackup():
            world.backups.keep()
        case PutBack(which):
            world.backups.put_back(which)
        case AfterRestore(step, which):
            restoring.act(world, step, which)
        case _:
            raise TypeError(f"{action} is no action")


def _decide(world: "World", hours: int | None) -> None:
    """Decide on the cut-over, and remember for the model from when on payments are ours."""
    since = None if hours is None else world.now - timedelta(hours=hours)
    typed = ["--all"] if since is None else ["--from", since.isoformat()]
    if type_verb(world, "cut-over", *typed) != DONE:
        raise RuleBroken("an operator's word counts", f"cut-over {typed} was refused")
    world.levers.ours_from = datetime.min if since is None else since.replace(tzinfo=None)  # noqa: DTZ901 - naive, as the tables


def _anothers_payout(world: "World") -> dict[str, Any]:
    """The newest batch, with the exchange of another that has paid out."""
    *others, order = world.records.ordered
    facts: dict[str, Any] = {"batch_conversion_id": order.batch_conversion_id, "cn_api_id": order.cn_api_id}
    exchanges = (world.servers.exchange.exchange(other.cn_api_id) for other in others)
    paid = [found for found in exchanges if found.amount_to is not None and found.id != order.cn_api_id]
    return facts | ({"cn_api_id": paid[-1].id, "actual_usdt_received": paid[-1].amount_to} if paid else {})


def _forge(world: "World", kind: int, running: RunningAction) -> None:
    """Send a callback about an ordered batch that is wrong in one way."""
    random = Random(f"{world.history.seed}/forge/{kind}")
    if not world.records.ordered:
        return
    order = random.choice(world.records.ordered)
    facts: dict[str, Any] = {
        "batch_conversion_id": order.batch_conversion_id,
        "cn_api_id": order.cn_api_id,
        "tx_hash": "0x" + "cd" * 32,
        "actual_usdt_received": Decimal(20),
    }
    odd: tuple[dict[str, Any], ...] = (
        {},
        {"actual_usdt_received": Decimal("NaN")},
        {"actual_usdt_received": Decimal(-5)},
        {"actual_usdt_received": Decimal("1e300")},
        {"cn_api_id": "another"},
        {"batch_conversion_id": "00000000-0000-4000-8000-000000000000"},
        {"batch_conversion_id": "no uuid"},
        {"tx_hash": ""},
    )
    facts |= _anothers_payout(world) if kind == ANOTHERS_PAYOUT else odd[kind % len(odd)]
    letter = Letter(Execution(**facts), world.now, is_damaged=kind % 3 == 2)
    world.call_back(Callback(order.batch_conversion_id, letter.seal(), letter, is_true=False), running)
