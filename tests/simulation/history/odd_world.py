"""What makes a history's world odd: rows that were there before ours, services beside it, faults that never pass."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from tests.simulation.history.restores import with_restore
from tests.simulation.history.vocabulary import (
    Action,
    Bad,
    Check,
    CutOver,
    Fault,
    Health,
    History,
    Hold,
    Neighbour,
    Operate,
    Pause,
    Pay,
    Payment,
    Repeat,
    SetPolicy,
    SetThreshold,
    Wait,
)
from tests.simulation.world.odd_changenow import FROM_THE_FIRST, ONCE_PAID

GENERATIONS: Final = ("october",) * 6 + ("november", "november", "document")
CLIENTS: Final = ("client", "client", "client-2", "client-3")
STATEMENTS: Final = (
    *("mark paid", "mark paid", "count an attempt", "count an attempt", "update other columns"),
    *("convert it by itself", "say processing", "say failed", "join by hand", "join by hand", "claim as before"),
)
VERBS: Final = (
    *("accept", "release", "release", "resend", "resend", "breaker"),
    *("threshold", "pause", "resume", "policy"),
)
MINUTE, HOUR = 60, 3600
# Dates of writers whose clocks, zones or columns are wrong
ODD_AGES_S: Final = (-5 * HOUR, 5 * HOUR, -30 * HOUR, -400 * 24 * HOUR, 20 * 365 * 24 * HOUR)
WRONG_LEVERS: Final = ((b"abc", b"{}"), (b"20.00", b'{"pause": true}'), (b"-1", b"[]"), (b"20.00", b'{"paused": 1}'))
HELD_FOR_S: Final = (30 * MINUTE, 2 * HOUR, 5 * HOUR, None)


RESTORED: Final = 0.1


def make_odd(history: History) -> History:
    """Tell the same history in an odder world; what is drawn for it changes nothing that was drawn before."""
    random = Random(f"{history.seed}/odd")
    history = replace(history, actions=tuple(_paid_by_somebody(action, random) for action in history.actions))
    for share, add in ODDITIES:
        if random.random() < share:
            history = add(history, random)
    return with_restore(history) if random.random() < RESTORED else history


def _paid_by_somebody(action: Action, random: Random) -> Action:
    """Let each payment be inserted by one of the services that do."""
    if isinstance(action, Pay):
        return Pay(tuple(_inserted(payment, random) for payment in action.payments))
    if not isinstance(action, Check | Wait | Repeat | Health):
        return action
    return replace(action, faults=tuple(_paid_meanwhile(fault, random) for fault in action.faults))


def _paid_meanwhile(fault: Fault, random: Random) -> Fault:
    if not isinstance(fault.what, Pause):
        return fault
    meanwhile = tuple(_paid_by_somebody(action, random) for action in fault.what.meanwhile)
    return replace(fault, what=replace(fault.what, meanwhile=meanwhile))


def _inserted(payment: Payment, random: Random) -> Payment:
    return replace(payment, by=random.choice(GENERATIONS), client=random.choice(CLIENTS))


def _moving_in(history: History, random: Random) -> History:
    """Begin beside the old service's rows; an operator decides on the cut-over at once, after a while, or at last."""
    actions = list(history.actions)
    at = random.choice((0, 0, random.randrange(len(actions)), random.randrange(len(actions)), None))
    if at is not None:
        actions.insert(at, CutOver(random.choice((None, None, 1, 12))))
    return replace(history, conditions=replace(history.conditions, moving_in=True), actions=tuple(actions))


def _beside_neighbours(history: History, random: Random) -> History:
    """Let the deployed services run their statements, between the actions and while a process stands still."""
    actions = [_with_neighbour_meanwhile(action, random) for action in history.actions]
    for _ in range(random.choice((1, 1, 2, 3))):
        actions.insert(random.randrange(1, len(actions) + 1), _statement(random))
    return replace(history, actions=tuple(actions))


def _statement(random: Random) -> Neighbour:
    return Neighbour(random.choice(STATEMENTS), random.randrange(24))


def _with_neighbour_meanwhile(action: Action, random: Random) -> Action:
    def change(pause: Pause) -> Pause:
        return replace(pause, meanwhile=(*pause.meanwhile, _statement(random)))

    return _with_pauses(action, change)


def _with_pauses(action: Action, change: Callable[[Pause], Pause]) -> Action:
    """The same action, its outermost pauses changed."""
    if not isinstance(action, Check | Wait | Repeat | Health):
        return action
    faults = (
        replace(fault, what=change(fault.what)) if isinstance(fault.what, Pause) else fault for fault in action.faults
    )
    return replace(action, faults=tuple(faults))


def _with_rows_held(history: History, random: Random) -> History:
    """Let somebody hold a row; nobody runs beside a process then, since who waits for a lock waits in real time."""
    actions = [_with_pauses(action, _alone) for action in history.actions]
    for _ in range(random.choice((1, 1, 2))):
        actions.insert(random.randrange(1, len(actions) + 1), Hold(random.randrange(24), random.choice(HELD_FOR_S)))
    return replace(history, actions=tuple(actions))


def _alone(pause: Pause) -> Pause:
    meanwhile = tuple(action for action in pause.meanwhile if isinstance(action, Pay | SetThreshold | SetPolicy))
    return Pause(0, meanwhile)


def _odd_exchanges(history: History, random: Random) -> History:
    """Let one or two exchanges be bad for ever."""
    bad = []
    for _ in range(random.choice((1, 1, 2))):
        once_paid = random.random() < 0.5
        bad.append(Bad(random.randint(1, 6), random.choice(ONCE_PAID if once_paid else FROM_THE_FIRST), once_paid))
    return replace(history, conditions=replace(history.conditions, bad=tuple(bad)))


def _odd_deposits(history: History, random: Random) -> History:
    return replace(history, conditions=replace(history.conditions, odd_deposits=history.conditions.odd_fates))


def _changed_peer(history: History, random: Random) -> History:
    """Let GCHostPay1 be as docs/reference/peers.md asks for it."""
    return replace(history, conditions=replace(history.conditions, peer="changed"))


def _wrong_levers(history: History, random: Random) -> History:
    """Begin with levers that nobody could ever read."""
    threshold, policy = random.choice(WRONG_LEVERS)
    return replace(history, conditions=replace(history.conditions, threshold=threshold, policy=policy))


def _outliers(history: History, random: Random) -> History:
    """Let payments come that no batch takes: far more dollars than any other, ETH that is not theirs, odd times."""
    rows = [Payment(str(random.randint(20_000, 90_000)))]
    rows += [Payment("25.00", random.choice(("5", "0.0000001", "250")), random.choice((0, 30 * HOUR)))]
    rows += [Payment("12.00", age_s=random.choice(ODD_AGES_S))]
    actions = list(history.actions)
    actions.insert(random.randrange(1, len(actions) + 1), Pay(tuple(random.sample(rows, random.randint(1, 3)))))
    return replace(history, actions=tuple(actions))


def _steered(history: History, random: Random) -> History:
    """Let operators type verbs, right and wrong ones."""
    actions = list(history.actions)
    for _ in range(random.choice((1, 2, 3, 4))):
        at = random.randrange(1, len(actions) + 1)
        actions.insert(at, Operate(random.choice(VERBS), random.randrange(24)))
    return replace(history, actions=tuple(actions))


def _by_cost(history: History, random: Random) -> History:
    """Let operators set the rule that goes by a swap's cost, and payments wait by it."""
    rule = {"start": random.choice(("0.01", "0.03", "0.05")), "tau_hours": random.choice((1, 12))}
    told: tuple[Action, ...] = (
        SetPolicy(json.dumps({"cost_ratio": rule}).encode()),
        Pay((Payment(str(random.randint(4, 19))),)),
        Check(),
        Wait(random.choice((15 * MINUTE, HOUR, 5 * HOUR))),
        Check(),
    )
    at = random.randrange(1, len(history.actions) + 1)
    return replace(history, actions=(*history.actions[:at], *told, *history.actions[at:]))


ODDITIES: Final[tuple[tuple[float, Callable[[History, Random], History]], ...]] = (
    (0.4, _moving_in),
    (0.5, _beside_neighbours),
    (0.04, _with_rows_held),
    (0.3, _odd_exchanges),
    (0.4, _odd_deposits),
    (0.3, _changed_peer),
    (0.1, _wrong_levers),
    (0.2, _outliers),
    (0.4, _steered),
    (0.15, _by_cost),
)
