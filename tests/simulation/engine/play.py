"""Plays a history to its end, heals the world, and looks whether two checks bring everything to where it belongs."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sandbox.changenow.market import Market
from shared.model.reasons import Reason
from tests.simulation.engine.boundaries import installed
from tests.simulation.engine.chance import drawn_from
from tests.simulation.engine.journal import Journal
from tests.simulation.engine.log_lines import caught
from tests.simulation.engine.running_action import RunningAction
from tests.simulation.history.vocabulary import Accept, Check, CutOver, History
from tests.simulation.others import restoring
from tests.simulation.others.mending import put_right
from tests.simulation.proofs.rest import verify_events_are_out, verify_rest
from tests.simulation.world.actions import perform
from tests.simulation.world.peer_records import RuleBroken
from tests.simulation.world.servers import Servers
from tests.simulation.world.world import World

HOUR: Final = 3600
QUIET_S: Final = 6 * HOUR  # unpaid exchanges expire within four; clocks are wrong by two at most
FURTHER_CHECKS: Final = 2
LATE_S: Final = 48 * HOUR  # callbacks come up to 40 hours late


@dataclass(frozen=True)
class Result:
    """What came of a history; *broken* is the rule and what was seen, None where all rules held."""

    history: History
    journal: Journal
    broken: RuleBroken | None


def play(servers: Servers, history: History) -> Result:
    """Play a history on empty servers, with the watchers at the drivers' doors."""
    with caught(), installed(), drawn_from(history.seed):
        return _played(servers, history)


def _played(servers: Servers, history: History) -> Result:
    world = World(servers, history, perform)
    broken = None
    try:
        for world.step, action in enumerate(history.actions):
            perform(world, action)
            world.rules.verify()
            world.judge.verify_events()
        world.step = len(history.actions)
        _heal(world)
        _settle(world)
    except RuleBroken as rule:
        broken = rule
    finally:
        _count(world)
        world.close()
    return Result(history, world.journal, broken)


def _heal(world: World) -> None:
    """All faults end, clocks are right, the price is the old one, fees are small; no instance is restarted."""
    servers, price = world.servers, world.history.conditions.price
    for server in (servers.exchange, servers.tasks, servers.secrets, servers.pubsub, servers.storage):
        server.faults.clear()
    world.is_healed = True
    for instance in list(world.skews):
        world.set_skew(instance, 0)
    no_fees = {"eth": Decimal(0), "usdt": Decimal(0)}
    world.set_market(
        Market(price, Decimal("0.5"), Decimal(0), network_fees=no_fees, min_eth=Decimal("0.00000001"), max_eth=None)
    )
    world.set_threshold(b"0.01")
    world.set_policy(b'{"quote_deviation_pct": 60}')


def _settle(world: World) -> None:
    """Time passes and two checks run; then all is where it belongs, but for what something bad touches for ever.

    That ends at last as well, and two more checks bring home the rest.
    """
    world.wait(QUIET_S, RunningAction(world))
    world.rules.verify()
    if world.levers.ours_from is None:
        perform(world, CutOver())
    if world.backups.restored:
        world.observer.held.free_all()
        restoring.go_on(world)
        world.rules.verify()
    _check_twice(world)
    if put_right(world):
        world.wait(QUIET_S, RunningAction(world))
        _check_twice(world)
    verify_events_are_out(world)
    world.wait(LATE_S, RunningAction(world))
    verify_rest(world)


def _check_twice(world: World) -> None:
    for _ in range(FURTHER_CHECKS):
        perform(world, Accept())
        outcome = world.check(Check(), RunningAction(world))
        world.rules.verify()
        if outcome is None or outcome.reason == Reason.CHECK_IN_PROGRESS:
            raise RuleBroken("two checks finish what was left", f"in a healed world a check came to {outcome}")
        world.wait(HOUR, RunningAction(world))
        world.rules.verify()
    verify_rest(world)
    world.judge.verify_events()


def _count(world: World) -> None:
    counts = world.journal.counts
    for row in (*world.observer.batches(), *world.observer.payments()):
        world.journal.note(f"at the end {row}")
    for batch in world.observer.batches():
        counts["batches"] += 1
        counts[f"batches {batch['status']}"] += 1
        if batch["status"] == "completed":
            counts["micro-dollars converted"] += int(batch["usd"] * 10**6)
            counts["micro-USDT distributed"] += int(batch["received"] * 10**6)
    counts["histories"] += 1
