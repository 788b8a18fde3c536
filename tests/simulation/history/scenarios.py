"""Short calm histories that lead through every path of the functions, so that every boundary can be met on purpose."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

from tests.simulation.history.vocabulary import (
    Action,
    Check,
    Conditions,
    Fault,
    Health,
    History,
    Hold,
    Kill,
    Moment,
    MoveMarket,
    Pause,
    Pay,
    Payment,
    PeerFailure,
    Repeat,
    SetPolicy,
    Wait,
)
from tests.simulation.world.peer_failures import GENERAL, TASKS

MINUTE, HOUR = 60, 3600
CALM: Final = Conditions(odd_fates=False)
TEN, FIFTEEN, KNOWN = Payment("10.00"), Payment("15.00"), Payment("25.00", "0.0084")
TWENTY_FIVE: Final = Pay((TEN, FIFTEEN))
RANGE, ESTIMATE_ETH, ESTIMATE_USDT, CREATE = range(4)  # the requests of a check that opens a batch, in their order
READ_FENCE, MAKE_FENCE, RAISE_FENCE = range(3)  # those of the first check


def _request(number: int, flavour: int, times: int = 1) -> tuple[Fault, ...]:
    """PeerFailure with one of a check's requests to ChangeNow."""
    return (Fault(2 * number, PeerFailure(flavour, times), "http"),)


REFUSED: Final = (Fault(0, PeerFailure(TASKS.index(TASKS[2])), "tasks"),)
LOST: Final = _request(CREATE, 0)

SCENARIOS: Final[dict[str, tuple[Conditions, tuple[Action, ...]]]] = {
    "a batch from its payments to its shares, and the callback again": (
        CALM,
        (TWENTY_FIVE, Check(), Wait(2 * HOUR), Repeat(0), Health()),
    ),
    "below the threshold": (CALM, (Pay((TEN,)), Check())),
    "a rule that goes by what a swap costs, before one is known": (
        CALM,
        (SetPolicy(b'{"cost_ratio": {"start": 0.02, "tau_hours": 12}}'), Pay((TEN,)), Check()),
    ),
    "a payment without dollars": (CALM, (Pay((Payment("NaN"), TEN)), Check())),
    "a second check beside the first": (
        CALM,
        (TWENTY_FIVE, Check(faults=(Fault(0, Pause(0, (Check(1),)), "secrets"),))),
    ),
    "a row that another service holds": (CALM, (TWENTY_FIVE, TWENTY_FIVE, Hold(0, None), Check())),
    "more than one exchange takes": (
        CALM,
        (MoveMarket(Decimal(3000), max_eth=Decimal("0.0171")), Pay((KNOWN, KNOWN, KNOWN)), Check(), Wait(2 * HOUR)),
    ),
    "an order refused and sent later": (
        CALM,
        (TWENTY_FIVE, Check(faults=REFUSED), Wait(11 * MINUTE), Check(), Wait(HOUR)),
    ),
    "an order refused, and the price moves": (
        CALM,
        (Pay((KNOWN,)), Check(faults=REFUSED), MoveMarket(Decimal(2000)), Wait(11 * MINUTE), Check()),
    ),
    "an order refused until its exchange expires": (
        CALM,
        (TWENTY_FIVE, Check(faults=REFUSED), Wait(5 * HOUR), Check(), Wait(HOUR)),
    ),
    "an order taken, and nobody there to note it": (
        replace(CALM, manner="silent"),
        (TWENTY_FIVE, Check(faults=(Fault(1, Kill(), "tasks"),)), Wait(11 * MINUTE), Check(), Wait(HOUR), Check()),
    ),
    "an exchange made, and the answer lost": (
        CALM,
        (TWENTY_FIVE, Check(faults=LOST), Wait(11 * MINUTE), Check(), Wait(HOUR)),
    ),
    "an exchange not made, and the price moves": (
        CALM,
        (Pay((KNOWN,)), Check(faults=_request(CREATE - 1, 0)), MoveMarket(Decimal(2000)), Wait(11 * MINUTE), Check()),
    ),
    "an exchange refused": (CALM, (TWENTY_FIVE, Check(faults=_request(CREATE, len(GENERAL))), Check(), Wait(HOUR))),
    "an exchange that is no longer worth it": (
        CALM,
        (TWENTY_FIVE, Check(faults=_request(CREATE, len(GENERAL) + 7)), Check(), Wait(HOUR)),
    ),
    "no lever to be read": (
        CALM,
        (TWENTY_FIVE, Check(faults=(Fault(0, PeerFailure(0, 2), "secrets"),)), Wait(HOUR)),
    ),
    "a fence that was raised, and the answer lost": (
        CALM,
        (TWENTY_FIVE, Check(faults=(Fault(2 * RAISE_FENCE, PeerFailure(0), "fence"),)), Wait(HOUR)),
    ),
    "no callback": (replace(CALM, manner="silent"), (TWENTY_FIVE, Check(), Wait(30 * MINUTE), Check())),
    "an exchange held": (
        replace(CALM, course="verify"),
        (TWENTY_FIVE, Check(), Wait(21 * MINUTE), Check(), Wait(45 * MINUTE), Check(), Wait(5 * HOUR)),
    ),
    "an exchange sent back": (replace(CALM, course="refund"), (TWENTY_FIVE, Check(), Wait(30 * MINUTE), Check())),
    "an exchange failed": (replace(CALM, course="fail"), (TWENTY_FIVE, Check(), Wait(30 * MINUTE), Check())),
    "an exchange failed, and paid out after all": (
        replace(CALM, course="late", manner="silent"),
        (TWENTY_FIVE, Check(), Wait(30 * MINUTE), Check(), Wait(30 * MINUTE), Check(), Wait(3 * HOUR), Check()),
    ),
    "an exchange failed, paid out after all, and reported": (
        replace(CALM, course="late", peer="changed"),
        (TWENTY_FIVE, Check(), Wait(30 * MINUTE), Check(), Wait(3 * HOUR)),
    ),
}


def scenarios() -> Iterator[History]:
    """The histories."""
    for name, (conditions, actions) in SCENARIOS.items():
        yield History(name, conditions, actions)


def with_kill(scenario: History, step: int, moment: Moment) -> History:
    """The same scenario, with the process that comes to this moment of this step killed there."""
    fault = Fault(moment, Kill())
    actions = [_with_fault(action, fault) if index == step else action for index, action in enumerate(scenario.actions)]
    return replace(scenario, actions=tuple(actions))


def _with_fault(action: Action, fault: Fault) -> Action:
    if not isinstance(action, Check | Wait | Repeat | Health):
        return action
    nested = tuple(_with_fault_in_pause(other, fault) for other in action.faults)
    return replace(action, faults=(*nested, fault))


def _with_fault_in_pause(other: Fault, fault: Fault) -> Fault:
    if not isinstance(other.what, Pause):
        return other
    meanwhile = tuple(_with_fault(action, fault) for action in other.what.meanwhile)
    return replace(other, what=replace(other.what, meanwhile=meanwhile))
