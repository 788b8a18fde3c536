"""What each action does to the world."""

from decimal import Decimal, InvalidOperation
from random import Random
from typing import TYPE_CHECKING, Any, Final

from sandbox.changenow.market import Market
from sandbox.peers.gchostpay1_tokens import Execution
from tests.simulation.engine.running_action import RunningAction
from tests.simulation.history.vocabulary import (
    Accept,
    Action,
    Check,
    Forge,
    Health,
    MoveMarket,
    Pay,
    Payment,
    Repeat,
    Replace,
    Restart,
    SetPolicy,
    SetThreshold,
    Skew,
    Wait,
)
from tests.simulation.world.letters import Letter
from tests.simulation.world.peer_records import Callback

if TYPE_CHECKING:
    from datetime import datetime

    from tests.simulation.world.world import World

PAY: Final = """
    INSERT INTO payout_accumulation (client_id, user_id, payment_amount_usd, payment_currency, payment_timestamp,
        accumulated_eth, client_wallet_address, client_payout_currency, client_payout_network,
        nowpayments_outcome_amount, created_at)
    VALUES """
PAYMENT: Final = """('client', 1, CAST(%s AS numeric), 'eth', NOW(), CAST(%s AS numeric), '0xclient',
    'usdt', 'eth', CAST(%s AS numeric),
    CAST(%s AS timestamp) - CAST(%s AS integer) * INTERVAL '1 second')"""
ACCEPT: Final = """
    UPDATE batch_conversions SET accepted_usdt = refused_usdt, amount_accepted_at = CAST(%s AS timestamp)
    WHERE conversion_status = 'swapping' AND refused_usdt IS NOT NULL AND accepted_usdt IS DISTINCT FROM refused_usdt"""

RESET: Final = """
    INSERT INTO operator_acts (act, by_whom, acted_at)
    VALUES ('breaker reset', 'an operator', CAST(%s AS timestamp) AT TIME ZONE 'UTC')"""


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
            _pay(world, payments)
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
        case Accept():
            world.observer.sql(ACCEPT, _naive(world))
            world.observer.sql(RESET, _naive(world))
        case _:
            raise TypeError(f"{action} is no action")


def _pay(world: "World", payments: tuple[Payment, ...]) -> None:
    values = [value for row in payments for value in (_paid_usd(row), row.usd, row.eth, _naive(world), row.age_s)]
    world.observer.sql(PAY + ", ".join([PAYMENT] * len(payments)), *values)
    world.journal.counts["payments"] += len(payments)


def _paid_usd(payment: Payment) -> str:
    """What the user paid: the dollars before TelePay's fee of 3 %."""
    try:
        paid_usd = Decimal(payment.usd or "1") / Decimal("0.97")
        return str(max(paid_usd, Decimal(1)).quantize(Decimal("0.01")))
    except InvalidOperation:  # NaN
        return "1"


def _naive(world: "World") -> "datetime":
    return world.now.replace(tzinfo=None)


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
    facts |= odd[kind % len(odd)]
    letter = Letter(Execution(**facts), world.now, is_damaged=kind % 3 == 2)
    world.call_back(Callback(order.batch_conversion_id, letter.seal(), letter, is_true=False), running)
