"""A check that stands still anywhere while an order is out whose fate it does not know: no second order is paid."""

from dataclasses import replace

from tests.simulation.engine.play import play
from tests.simulation.history.printing import print_history
from tests.simulation.history.vocabulary import (
    Check,
    Conditions,
    Fault,
    History,
    Kill,
    Moment,
    Pause,
    Pay,
    Payment,
    Wait,
)
from tests.simulation.world.servers import Servers

MINUTE, HOUR = 60, 3600
# The wallet pays late, so that ChangeNow cannot tell; the order's name is free again when the check wakes up.
SLOW = Conditions(odd_fates=False, names_blocked_s=(26 * MINUTE,), wallet_delays_s=(2 * HOUR,))
NOTED_BY_NOBODY = Check(faults=(Fault(1, Kill(), "tasks"),))
ASLEEP_S = 40 * MINUTE
HISTORY = History(
    "standing still",
    SLOW,
    (Pay((Payment("25.00"),)), NOTED_BY_NOBODY, Wait(15 * MINUTE), Check(), Wait(HOUR)),
)
ASLEEP_IN = 3  # the number of the action


def test_standing_still_anywhere_pays_nothing_twice(servers: Servers) -> None:
    """At every boundary of the check that finds the order again, by turns alone and with a tick beside it."""
    seen = play(servers, HISTORY)
    assert seen.broken is None
    assert seen.journal.counts["orders accepted"] == 1
    moments = [moment for moment, steps in seen.journal.steps.items() if ASLEEP_IN in steps]
    assert any("CreateTask" in name for name, _ in moments)
    for number, (name, stage) in enumerate(moments):
        result = play(servers, _asleep(Moment(name, stage), with_tick=number % 2 == 0))
        assert result.broken is None, print_history(result.history, result.broken)
        assert result.journal.faults["pause"] == 1
        assert result.journal.counts["orders accepted"] == 1


def _asleep(moment: Moment, *, with_tick: bool) -> History:
    meanwhile = (Check(1),) if with_tick else ()
    check = Check(faults=(Fault(moment, Pause(ASLEEP_S, meanwhile)),))
    return replace(HISTORY, actions=(*HISTORY.actions[:ASLEEP_IN], check, *HISTORY.actions[ASLEEP_IN + 1 :]))
